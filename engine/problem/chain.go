package problem

import "iter"

// KindOf returns the first kind in err's tree, from the outside in, or Failed.
func KindOf(err error) Kind {
	for e := range within(err) {
		if e.Kind != 0 {
			return e.Kind
		}
	}
	return Failed
}

// NextOf returns the first next step in err's tree, from the outside in, or "": the outer error knows better what was
// wanted, the inner one what went wrong, and one of several joined ones will do.
func NextOf(err error) string {
	for e := range within(err) {
		if e.Next != "" {
			return e.Next
		}
	}
	return ""
}

// within goes through the Errors that an error wraps, itself first, at whatever depth and also through joined ones.
func within(err error) iter.Seq[*Error] {
	return func(yield func(*Error) bool) { walk(err, yield) }
}

// walk looks at each error itself, not, as errors.As does, at the first of its kind in the tree.
func walk(err error, yield func(*Error) bool) bool {
	if e, ok := any(err).(*Error); ok && !yield(e) {
		return false
	}
	if one, ok := err.(interface{ Unwrap() error }); ok {
		return walk(one.Unwrap(), yield)
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, inner := range several.Unwrap() {
			if !walk(inner, yield) {
				return false
			}
		}
	}
	return true
}
