package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

const opReach = "reach etcd at"

// explain turns the error of a request into what an operator can act on. First what etcd itself said, then what a
// second look at the connection finds (probe.go), last gRPC's own words. An error because the caller gave up stays what
// it is.
func (c *conn) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", opReach, c.raw, context.Cause(ctx))
	}
	if errors.Is(err, errClosed) {
		return &problem.Error{Kind: problem.Failed, Op: opReach, Subject: c.raw, Err: err}
	}
	err = rpctypes.Error(err)
	if e := c.explainAnswer(err); e != nil {
		return e
	}
	if e := c.explainConnection(ctx, err); e != nil {
		return e
	}
	e := &problem.Error{Kind: problem.Failed, Op: "ask etcd at", Subject: c.raw, Err: err}
	if codeOf(err) == codes.Unavailable || isTimeout(err) {
		e.Kind = problem.Unreachable
	}
	if status.Code(err) == codes.Unavailable { // and the second look found nothing wrong
		e.Next = nextAgain
	}
	return e
}

const nextAgain = "the connection broke, and works again by now: try once more; if it goes on, look at etcd's log and at what lies between"

// codeOf also knows the errors that rpctypes has given a name: status.Code does not.
func codeOf(err error) codes.Code {
	if named, ok := errors.AsType[rpctypes.EtcdError](err); ok {
		return named.Code()
	}
	return status.Code(err)
}

const nextUser = "give a user with the role root: --user and a password, or a client certificate with its name"

// explainAnswer knows the answers of a server that could be reached.
func (c *conn) explainAnswer(err error) *problem.Error {
	e := &problem.Error{Kind: problem.Denied, Op: "log in to etcd at", Subject: c.raw}
	switch {
	case errors.Is(err, rpctypes.ErrUserEmpty):
		e.Why = "authentication is enabled in this cluster and no user was given"
		e.Next = nextUser
	case errors.Is(err, rpctypes.ErrAuthFailed):
		e.Why = fmt.Sprintf("the user %s or the password is wrong", c.cfg.Username)
		e.Next = "check --user and the password"
	case errors.Is(err, rpctypes.ErrUserNotFound):
		e.Why = c.who() + " does not exist in this cluster"
		e.Next = nextUser
	case errors.Is(err, rpctypes.ErrInvalidAuthToken), errors.Is(err, rpctypes.ErrAuthOldRevision):
		e.Why = "the token is not valid or has expired"
		e.Next = "log in with --user and a password, or renew the token"
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		e.Op = "ask etcd at"
		e.Why = c.who() + " lacks the role root, which snapshots and hashes need"
		e.Next = "etcdctl user grant-role USER root"
	case isLearnerRefusal(err):
		e.Kind, e.Op = problem.Refused, "ask etcd at"
		e.Why = "this member is a learner, which answers hardly anything"
		e.Next = "use the endpoint of a voting member"
	case status.Code(err) == codes.Unimplemented:
		return c.notEtcd(err)
	case errors.Is(err, rpctypes.ErrNoLeader):
		e.Kind, e.Op = problem.Unreachable, "ask etcd at"
		e.Why = "this member has no leader: it is cut off, or the cluster has no quorum"
		e.Next = "start the other members, or look at their logs"
	default:
		return nil
	}
	e.Err = cause{why: e.Why, err: err}
	return e
}

// isLearnerRefusal recognizes the one answer for which rpctypes has no name on the client's side.
func isLearnerRefusal(err error) bool {
	return errors.Is(rpctypes.Error(err), rpctypes.Error(rpctypes.ErrGRPCNotSupportedForLearner))
}

func (c *conn) who() string {
	switch {
	case c.cfg.Username != "":
		return "the user " + c.cfg.Username
	case c.cfg.Token != "":
		return "the user of the token"
	}
	return "the user named in the client certificate"
}

// explainConnection looks again, with a connection of its own, at why there is no answer. An error in etcd's own words
// was one, so it is left alone.
func (c *conn) explainConnection(ctx context.Context, err error) *problem.Error {
	if code := status.Code(err); code != codes.Unavailable && code != codes.Internal && !isTimeout(err) {
		return nil
	}
	if e := c.probe(ctx); e != nil {
		return c.suspectPeerPort(e)
	}
	if !isTimeout(err) {
		return nil
	}
	return c.unreachable("the server accepts connections but does not answer in time",
		"it is overloaded, is being defragmented, or has no leader: look at its log; --command-timeout allows more time", err)
}

func (c *conn) unreachable(why, next string, err error) *problem.Error {
	e := &problem.Error{Kind: problem.Unreachable, Op: opReach, Subject: c.raw, Why: why, Next: next, Err: err}
	if why != "" && err != nil {
		e.Err = cause{why: why, err: err}
	}
	return e
}

// cause keeps an error in the chain whose text would only repeat, in other words, what Why says already.
type cause struct {
	why string
	err error
}

func (c cause) Error() string { return c.why }
func (c cause) Unwrap() error { return c.err }

func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || status.Code(err) == codes.DeadlineExceeded
}

// causeOf is the shortest text that says why.
func causeOf(err error) string {
	e, ok := errors.AsType[*problem.Error](err)
	switch {
	case err == nil:
		return "unknown"
	case ok && e.Why != "":
		return e.Why
	case ok && e.Err != nil:
		return e.Err.Error()
	}
	return err.Error()
}
