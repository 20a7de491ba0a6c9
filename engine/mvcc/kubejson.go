package mvcc

import "bytes"

// parseJSONObject reads a custom resource. The API server writes its fields in alphabetical order, so apiVersion, kind
// and metadata come first and the bulk of the object is never looked at.
func parseJSONObject(b []byte) (object, bool) {
	var o object
	s := jsonScanner{rest: b}
	s.fields(func(name []byte) bool {
		switch string(name) {
		case "apiVersion":
			o.apiVersion = s.text()
		case "kind":
			o.kind = s.text()
		case "metadata":
			s.fields(func(name []byte) bool {
				switch string(name) {
				case "name":
					o.name = s.text()
				case "namespace":
					o.namespace = s.text()
				default:
					s.skip()
				}
				return true
			})
		default:
			s.skip()
		}
		return len(o.apiVersion) == 0 || len(o.kind) == 0 || len(o.name) == 0
	})
	return o, len(o.apiVersion) > 0 && len(o.kind) > 0
}

// jsonScanner finds its way through JSON without decoding it. It is fast because it only looks for the ends of
// things, and does not care whether what it passes over is sound. When it can't go on, rest is nil.
type jsonScanner struct {
	rest []byte
}

// fields calls fn for each field of the object that follows; fn must read the value, and returns false to give up.
func (s *jsonScanner) fields(fn func(name []byte) bool) {
	if !s.accept('{') {
		s.rest = nil
		return
	}
	if s.accept('}') {
		return
	}
	for {
		name := s.text()
		if name == nil || !s.accept(':') || !fn(name) {
			s.rest = nil
			return
		}
		if s.accept('}') {
			return
		}
		if !s.accept(',') {
			s.rest = nil
			return
		}
	}
}

// accept skips white space, and then the given byte if it comes next.
func (s *jsonScanner) accept(c byte) bool {
	s.rest = bytes.TrimLeft(s.rest, " \t\r\n")
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// text returns the content of the string that follows, escapes as they are; nil when there is none.
func (s *jsonScanner) text() []byte {
	if !s.accept('"') {
		s.rest = nil
		return nil
	}
	for i := 0; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			text := s.rest[:i:i]
			s.rest = s.rest[i+1:]
			return text
		}
	}
	s.rest = nil
	return nil
}

// skip passes over any value. Nesting is counted, not followed: no depth is too deep.
func (s *jsonScanner) skip() {
	for depth := 0; len(s.rest) > 0; {
		switch s.rest[0] {
		case '"':
			s.text()
		case '{', '[':
			depth++
			s.rest = s.rest[1:]
		case '}', ']':
			if depth == 0 {
				return // the end of what this value is in
			}
			depth--
			s.rest = s.rest[1:]
		case ',':
			if depth == 0 {
				return
			}
			s.rest = s.rest[1:]
		default:
			s.rest = s.rest[1:]
		}
	}
}
