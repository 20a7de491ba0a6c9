package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// newLogger logs to standard error. Kubernetes' own components say what they do at level info, which here is of
// interest only to who debugs.
func newLogger(level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log-level %s: give debug, info, warn or error", level)
	}
	handler := slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l})
	kubernetes := handler
	if l > slog.LevelDebug {
		kubernetes = slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: max(l, slog.LevelWarn)})
	}
	klog.SetSlogLogger(slog.New(quiet{kubernetes}))
	log.SetLogger(logr.FromSlogHandler(handler))
	return slog.New(handler), nil
}

// quiet marks whose lines these are, and leaves out errors that are none.
type quiet struct{ slog.Handler }

const (
	// unused is an error that Kubernetes logs at each start about an option that is not set.
	unused = "The manifest file is empty, ignoring."
	// early is what some of its parts say at the very first start, a moment before another part makes that namespace. They
	// try again.
	early = `namespaces "kube-system" not found`
)

// Handle implements slog.Handler.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if r.Message == unused || saysEarly(r) {
		return nil
	}
	r.AddAttrs(slog.String("component", "kubernetes"))
	return q.Handler.Handle(ctx, r)
}

func saysEarly(r slog.Record) (says bool) {
	r.Attrs(func(a slog.Attr) bool {
		err, is := a.Value.Any().(error)
		says = is && err.Error() == early
		return !says
	})
	return says
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
