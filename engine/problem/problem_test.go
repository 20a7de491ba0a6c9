package problem

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"
	"testing"
)

func TestAnErrorSaysPlaceAndCauseOnceAtEveryDepth(t *testing.T) {
	inner := &Error{Kind: Denied, Op: "open", Subject: "/x", Why: "you may not", Next: "ask", Err: errors.New("EACCES")}
	for want, err := range map[string]error{
		"open /x: you may not: EACCES":                       inner,
		"read: open /x: you may not: EACCES":                 fmt.Errorf("read: %w", inner),
		"save to s3://b: read: open /x: you may not: EACCES": &Error{Op: "save to", Subject: "s3://b", Err: fmt.Errorf("read: %w", inner)},
		"open /x: EACCES and more":                           &Error{Op: "open", Subject: "/x", Err: errors.New("open /x: EACCES and more")},
		"restore: the disk is full":                          &Error{Op: "restore", Why: "the disk is full", Err: errors.New("disk is full")},
		"restore: write: disk full":                          &Error{Op: "restore", Why: "disk full", Err: errors.New("write: disk full")},
		"/x: EOF":                                            &Error{Subject: "/x", Err: io.EOF},
		"why":                                                &Error{Why: "why", Next: "next"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestKindAndNextStepAreFoundAtEveryDepth(t *testing.T) {
	inner := &Error{Kind: NoSpace, Why: "full", Next: "free some"}
	for name, c := range map[string]struct {
		err  error
		kind Kind
		next string
	}{
		"itself":                    {inner, NoSpace, "free some"},
		"wrapped":                   {fmt.Errorf("a: %w", fmt.Errorf("b: %w", inner)), NoSpace, "free some"},
		"in one without them":       {&Error{Op: "save", Err: fmt.Errorf("b: %w", inner)}, NoSpace, "free some"},
		"the outer one comes first": {&Error{Kind: Refused, Next: "wait", Err: inner}, Refused, "wait"},
		"joined":                    {errors.Join(io.EOF, fmt.Errorf("b: %w", inner)), NoSpace, "free some"},
		"joined, after one without": {errors.Join(&Error{Kind: Damaged, Why: "x"}, inner), Damaged, "free some"},
		"two wrapped at once":       {fmt.Errorf("%w, %w", io.EOF, inner), NoSpace, "free some"},
		"none":                      {fmt.Errorf("a: %w", io.EOF), Failed, ""},
		"nil":                       {nil, Failed, ""},
	} {
		if kind, next := KindOf(c.err), NextOf(c.err); kind != c.kind || next != c.next {
			t.Errorf("%s: %d %q, want %d %q", name, kind, next, c.kind, c.next)
		}
	}
}

func TestAFileThatCannotBeReadIsOfOneKindWhicheverSettingNamedIt(t *testing.T) {
	for cause, want := range map[error]struct {
		kind Kind
		next string
	}{
		syscall.ENOENT: {NotFound, "correct --cacert"},
		syscall.EACCES: {Denied, "run as a user who may read it"},
		syscall.EISDIR: {Usage, "correct --cacert"},
	} {
		err := File("read", "/x", "--cacert", fmt.Errorf("load: %w", &fs.PathError{Op: "open", Path: "/x", Err: cause}))
		if err.Kind != want.kind || err.Next != want.next || err.Error() != "read /x: "+cause.Error() || !errors.Is(err, cause) {
			t.Errorf("%v: %d, %v, next %s", cause, err.Kind, err, err.Next)
		}
	}
}
