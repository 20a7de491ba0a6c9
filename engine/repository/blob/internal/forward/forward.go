// Package forward hands the optional abilities of a store through a decorator.
//
// A type either has a method or has it not, so a decorator cannot decide at run time whether it is a [blob.Stager]:
// what it returns must be another type for a directory than for a bucket. That choice is made here, once, for all
// decorators. Start reading at [Optional].
package forward

import "github.com/holdfast-dev/holdfast/engine/repository/blob"

// Decorator is what every decorator is by itself.
type Decorator interface {
	blob.Store
	blob.Featured
}

// Optional returns the decorator, with the given abilities that are not nil.
func Optional(d Decorator, stager blob.Stager, janitor blob.Janitor) blob.Store {
	switch {
	case stager != nil && janitor != nil:
		return struct {
			Decorator
			blob.Stager
			blob.Janitor
		}{d, stager, janitor}
	case stager != nil:
		return struct {
			Decorator
			blob.Stager
		}{d, stager}
	case janitor != nil:
		return struct {
			Decorator
			blob.Janitor
		}{d, janitor}
	}
	return d
}

// Stager returns the store's ability to take files in, or nil.
func Stager(store blob.Store) blob.Stager {
	stager, _ := store.(blob.Stager)
	return stager
}

// Janitor returns the store's ability to clean up, or nil.
func Janitor(store blob.Store) blob.Janitor {
	janitor, _ := store.(blob.Janitor)
	return janitor
}

// Features returns what the store says of itself.
func Features(store blob.Store) blob.Features {
	if featured, ok := store.(blob.Featured); ok {
		return featured.Features()
	}
	return blob.Features{}
}
