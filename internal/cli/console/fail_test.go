package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

func TestTheNextStepStandsOnceAtTheEndAtEveryDepth(t *testing.T) {
	full := &problem.Error{Kind: problem.NoSpace, Op: "write", Subject: "/x", Why: "the disk is full", Next: "free some space"}
	other := &problem.Error{Kind: problem.Denied, Op: "read", Subject: "/y", Why: "you may not", Next: "be root"}
	for name, c := range map[string]struct {
		err  error
		code int
		want string
	}{
		"itself":         {full, 8, "holdfast: write /x: the disk is full\n  next: free some space\n"},
		"wrapped twice":  {fmt.Errorf("a: %w", fmt.Errorf("b: %w", full)), 8, "holdfast: a: b: write /x: the disk is full\n  next: free some space\n"},
		"in another one": {&problem.Error{Op: "save", Err: full}, 8, "holdfast: save: write /x: the disk is full\n  next: free some space\n"},
		"joined":         {errors.Join(full, other), 8, "holdfast: write /x: the disk is full\nholdfast: read /y: you may not\n  next: free some space\n"},
		"joined twice":   {errors.Join(full, full), 8, "holdfast: write /x: the disk is full\n  next: free some space\n"},
		"no next step":   {io.EOF, 1, "holdfast: EOF\n"},
	} {
		var b bytes.Buffer
		if code := (&Console{Err: &b}).Fail(c.err); code != c.code || b.String() != c.want {
			t.Errorf("%s: %d\n got %swant %s", name, code, b.String(), c.want)
		}
	}
}

func TestAReaderThatWentAwayNeedsNoWords(t *testing.T) {
	signal.Ignore(syscall.SIGPIPE) // as the program does
	defer signal.Reset(syscall.SIGPIPE)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	c := &Console{Out: writer, Err: &b, Format: Name}
	err = c.Print(Result{Names: []string{"a"}})
	if code := c.Fail(err); code != 141 || b.Len() > 0 {
		t.Errorf("%v: %d, %q", err, code, b.String())
	}
}

func TestAResultThatCannotBePrintedIsAnError(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	for _, format := range []Format{Table, JSON, YAML, Name} {
		c := &Console{Out: full, Format: format}
		err := c.Print(Result{Value: 1, Names: []string{"a"}, Table: func(w io.Writer) { fmt.Fprintln(w, "a") }})
		if !errors.Is(err, syscall.ENOSPC) || !strings.HasPrefix(err.Error(), "print the result: ") {
			t.Errorf("%s: %v", format, err)
		}
	}
}
