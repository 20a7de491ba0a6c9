package retry

import (
	"errors"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// permanent answers come again however often one asks.
var permanent = []error{
	blob.ErrNotExist, blob.ErrNoStore, blob.ErrExists, blob.ErrChanged, blob.ErrDenied, blob.ErrCredentials,
	blob.ErrClockSkew, blob.ErrNoSpace, blob.ErrTLS, blob.ErrName, blob.ErrMetadata,
}

// Transient says whether the same request may succeed a little later. An error can say it of itself with a method
// Transient() bool. Of the others only broken connections count: io.ErrUnexpectedEOF alone does not, because it is
// also what an object says that is shorter than the range asked for.
//
// The end of the caller's own context is the caller's to notice: deadlines of single connections look the same.
func Transient(err error) bool {
	if slices.ContainsFunc(permanent, func(p error) bool { return errors.Is(err, p) }) {
		return false
	}
	if said, ok := errors.AsType[interface {
		error
		Transient() bool
	}](err); ok {
		return said.Transient()
	}
	for _, broken := range []error{syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.EPIPE, io.ErrClosedPipe} {
		if errors.Is(err, broken) {
			return true
		}
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}
