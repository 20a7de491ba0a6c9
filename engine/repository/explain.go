package repository

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"syscall"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/engine/repository/blob"
	"github.com/holdfast-dev/holdfast/engine/repository/blob/retry"
)

// Explain words what a store said for an operator: which setting is wrong, and what to do. An error that is explained
// already, or that no rule fits, is returned as it is.
func Explain(op, location string, err error) error {
	var explained *problem.Error
	if err == nil || errors.As(err, &explained) || errors.Is(err, context.Canceled) {
		return err
	}
	for _, rule := range rules {
		if errors.Is(err, rule.is) {
			return &problem.Error{Kind: rule.kind, Op: op, Subject: location, Why: rule.why, Next: rule.next, Err: shorten(err)}
		}
	}
	if worded, ok := wordsOf(err); ok && !unreachable(err) {
		return &problem.Error{
			Kind: problem.Failed, Op: op, Subject: location, Why: "the repository refused what it was asked for", Err: worded,
			Next: "try again; if it is refused again, the server's log, or whoever runs it, can tell why",
		}
	}
	if unreachable(err) {
		return &problem.Error{
			Kind: problem.Unreachable, Op: op, Subject: location, Why: "the repository does not answer", Err: shorten(err),
			Next: "check the endpoint's host and port, name resolution, proxy and firewall; --s3-insecure if it speaks plain http",
		}
	}
	return err
}

// unreachable says whether an error is about getting through to a store. net.Error alone does not tell: every error
// number of the kernel is one, a disk's too.
func unreachable(err error) bool {
	if _, ok := errors.AsType[*net.OpError](err); ok {
		return true
	}
	if network, ok := errors.AsType[net.Error](err); ok && network.Timeout() {
		return true
	}
	return errors.Is(err, context.DeadlineExceeded) || retry.Transient(err)
}

// shortened is an error whose text is only what the server, or the system, said: where and what is in the text around
// it already.
type shortened struct {
	error
	text string
}

func (s shortened) Error() string { return s.text }
func (s shortened) Unwrap() error { return s.error }

// shorten keeps the innermost words of a store that tells them apart.
func shorten(err error) error {
	worded, ok := wordsOf(err)
	if !ok {
		return err
	}
	return worded
}

// wordsOf is only what a store that tells them apart said.
func wordsOf(err error) (error, bool) {
	var worded interface{ Words() string }
	if !errors.As(err, &worded) {
		return nil, false
	}
	return shortened{err, worded.Words()}, true
}

type rule struct {
	is        error
	kind      problem.Kind
	why, next string
}

// whichRight is the next step where a store does not say which right it misses.
const whichRight = "holdfast repo test says which right is missing"

// The order matters: the first that fits wins.
var rules = []rule{
	{blob.ErrNoStore, problem.NotFound, "the bucket or directory does not exist",
		"create it, or correct the repository's URL; holdfast creates no bucket"},
	{blob.ErrClockSkew, problem.Denied, "this machine's clock differs too much from the server's",
		"set this machine's clock (chronyc tracking, timedatectl), then try again"},
	{blob.ErrCredentials, problem.Denied, "the credentials were not accepted",
		"check the access key and secret key where they come from: environment, AWS files, --s3-credentials-file, or the machine's role"},
	{syscall.EROFS, problem.Denied, "the file system is read-only", "remount it writable, or choose another directory"},
	{fs.ErrPermission, problem.Denied, "this user may not do that there", "run as a user who may, or change the owner of the directory"},
	{blob.ErrDenied, problem.Denied, "access denied: the credentials lack a right that this needs",
		whichRight},
	{blob.ErrTLS, problem.Unreachable, "the server's certificate is not trusted",
		"pass the CA that signed it with --s3-ca-file, and make sure that the certificate names this host and has not expired"},
	{blob.ErrPlain, problem.Unreachable, "one side speaks plain http and the other TLS",
		"give --s3-insecure for a server that speaks plain http, and leave it out for one that speaks TLS"},
	{blob.ErrStray, problem.Unreachable, "what answers there is no S3 server, or something on the way answers in its place",
		"check the endpoint's host and port (a web console has another one), and load balancers and proxies on the way to it"},
	{blob.ErrBusy, problem.Unreachable, "the repository is too busy, or has trouble of its own",
		"try again later; if it stays like that, look at the server's log, or ask whoever runs it"},
	{blob.ErrRegion, problem.Usage, "the bucket is in another region", "set --s3-region to the bucket's region"},
	{blob.ErrNoSpace, problem.NoSpace, "no space is left in the repository",
		"free space: holdfast repo prune --dry-run shows what may go"},
	{blob.ErrNotExist, problem.NotFound, "there is no such object", "see holdfast repo ls"},
	{blob.ErrChanged, problem.Refused, "the object was replaced while it was being read", "try again"},
	{blob.ErrExists, problem.Refused, "the name is taken", "try again with another --name"},
}
