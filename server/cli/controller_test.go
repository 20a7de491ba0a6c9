package cli_test

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/cli"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// stream can be read while it is written.
type stream struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *stream) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// command is one that runs while the test plays the controller.
type command struct {
	t        *testing.T
	out, err stream
	code     chan int
}

// begin starts a command that has an answer ready for what it may ask.
func (l *lab) begin(ctx context.Context, typed string, args ...string) *command {
	return l.beginIn(ctx, map[string]string{"KUBECONFIG": l.kubeconfig}, typed, args...)
}

func (l *lab) beginIn(ctx context.Context, env map[string]string, typed string, args ...string) *command {
	c := &command{t: l.t, code: make(chan int, 1)}
	go func() {
		c.code <- cli.Run(ctx, &console.Console{
			In: strings.NewReader(typed), Out: &c.out, Err: &c.err, Version: "test", Now: func() time.Time { return now },
			Getenv: func(name string) string { return env[name] },
		}, args)
	}()
	return c
}

// shows waits until the command has told something.
func (c *command) shows(text string) {
	c.t.Helper()
	eventually(c.t, "it says "+text, func() bool { return strings.Contains(c.err.String(), text) })
}

// ends waits for the command's end.
func (c *command) ends(code int) said {
	c.t.Helper()
	select {
	case got := <-c.code:
		return said{got, c.out.String(), c.err.String()}.must(c.t, code)
	case <-time.After(time.Minute):
		c.t.Fatalf("it does not end\n%s%s", c.out.String(), c.err.String())
		return said{}
	}
}

// the waits until there is one object of a kind in a namespace, and returns it.
func the[T any, P interface {
	*T
	client.Object
}](l *lab, namespace string, list client.ObjectList, items func() []T) P {
	l.t.Helper()
	var found P
	eventually(l.t, "there is one", func() bool {
		if err := l.client.List(l.t.Context(), list, client.InNamespace(namespace)); err != nil {
			l.t.Fatal(err)
		}
		for i := range items() {
			found = P(&items()[i])
		}
		return len(items()) == 1
	})
	return found
}

// status writes what a controller would.
func (l *lab) status(obj client.Object) {
	l.t.Helper()
	if err := l.client.Status().Update(l.t.Context(), obj); err != nil {
		l.t.Fatal(err)
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in a minute: %s", what)
		}
	}
}
