package s3

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/engine/repository/blob"
)

// Error is a request that failed. It unwraps to the store contract's sentinel, when there is one, and to the cause.
type Error struct {
	// Op is what was being done: "put", "get", "list".
	Op string
	// Location is the object's, or the store's, URL; Endpoint is the server that was asked.
	Location, Endpoint string
	// Code, Status, Message and RequestID are the server's own, empty when it gave no answer.
	Code      string
	Status    int
	Message   string
	RequestID string
	// Region is where the server says that the bucket is, when it says so.
	Region string

	sentinel  error
	cause     error
	transient bool
}

// protocolError is an answer that no S3 server gives. Asking again would not help.
type protocolError struct{ text string }

func (e *protocolError) Error() string { return "the server does not keep to the protocol: " + e.text }

// Error is one line: what was done, to what, why it failed, and what the server's operator will ask for.
func (e *Error) Error() string {
	parts := []string{e.Op + " " + e.Location}
	if e.sentinel != nil {
		parts = append(parts, e.sentinel.Error())
	}
	if errors.Is(e.sentinel, blob.ErrRegion) && e.Region != "" {
		parts = append(parts, "it is in "+e.Region)
	}
	if words := e.Words(); words != "" && !slices.Contains(parts, words) {
		parts = append(parts, words)
	}
	return strings.Join(parts, ": ")
}

// Words are the server's, or the cause's when no server answered.
func (e *Error) Words() string {
	if e.Code == "" {
		return fmt.Sprintf("%v (endpoint %s)", e.cause, e.Endpoint)
	}
	details := []string{e.Code}
	if e.RequestID != "" {
		details = append(details, "request "+e.RequestID)
	}
	details = append(details, "endpoint "+e.Endpoint)
	words := fmt.Sprintf("%s (%s)", strings.TrimSuffix(e.Message, "."), strings.Join(details, ", "))
	if right := rights[e.Op]; right != "" && errors.Is(e.sentinel, blob.ErrDenied) {
		words = right + " was refused: " + words
	}
	return words
}

// rights are what policies call the right that each operation needs. Without the one to list, Amazon answers that an
// object is forbidden when it is not there.
var rights = map[string]string{
	"list":   "s3:ListBucket",
	"get":    "s3:GetObject (where the object is missing, s3:ListBucket)",
	"stat":   "s3:GetObject (where the object is missing, s3:ListBucket)",
	"put":    "s3:PutObject",
	"delete": "s3:DeleteObject",
	"sweep":  "s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts or s3:AbortMultipartUpload",

	abortOp: "s3:AbortMultipartUpload",
}

// abortOp is the operation that takes an upload back.
const abortOp = "abort the upload of"

// Unwrap returns the sentinel and the cause.
func (e *Error) Unwrap() []error {
	if e.sentinel == nil {
		return []error{e.cause}
	}
	return []error{e.sentinel, e.cause}
}

// Transient says whether the same request may succeed a little later.
func (e *Error) Transient() bool { return e.transient }

// failure turns the error of a request into what the caller gets. The end of the caller's context comes first:
// everything else is its consequence.
func (s *Store) failure(ctx context.Context, op, name string, err error) error {
	if err == nil {
		s.bucketSeen.Store(true)
		return nil
	}
	if said, ok := errors.AsType[*Error](err); ok {
		return said // from a request within the request
	}
	if ended := ctx.Err(); ended != nil {
		return fmt.Errorf("%s %s: %w", op, s.Location(name), ended)
	}
	e := &Error{Op: op, Location: s.Location(name), Endpoint: s.cfg.Endpoint, cause: bare(err)}
	if answer, ok := errors.AsType[minio.ErrorResponse](err); ok {
		e.answered(answer)
	} else {
		e.unanswered()
	}
	return e
}

// bare takes the URL away from an error of net/http: it is long, and names the same object again.
func bare(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// is says that the error is the server's answer with one of the codes.
func is(err error, codes ...string) bool {
	said, ok := errors.AsType[*Error](err)
	return ok && slices.Contains(codes, said.Code)
}
