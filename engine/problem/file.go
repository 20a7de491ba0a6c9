package problem

import (
	"errors"
	"io/fs"
)

// File words why a file of this machine, which somebody named, cannot be read: whichever setting named it, a missing one
// is NotFound and a forbidden one Denied. setting is where the name came from, such as "--cacert".
func File(op, path, setting string, err error) *Error {
	e := &Error{Kind: Usage, Op: op, Subject: path, Err: err, Next: "correct " + setting}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = NotFound
	case errors.Is(err, fs.ErrPermission):
		e.Kind, e.Next = Denied, "run as a user who may read it"
	}
	if named, ok := errors.AsType[*fs.PathError](err); ok {
		e.Err = named.Err // the path stands in Subject
	}
	return e
}
