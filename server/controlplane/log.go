package controlplane

import (
	"context"
	"log/slog"
	"sync/atomic"

	"go.uber.org/zap/zapcore"
)

// etcdLog hands what the embedded etcd says to our own logger. Its warnings are about latencies and about peers, which a
// single member on this host has not: they are of interest only to who debugs.
type etcdLog struct {
	handler slog.Handler
	attrs   []slog.Attr
	// closing: etcd calls it an error that it no longer listens.
	closing *atomic.Bool
}

func newEtcdLog(l *slog.Logger) etcdLog {
	return etcdLog{handler: l.Handler(), attrs: []slog.Attr{slog.String("component", "etcd")}, closing: new(atomic.Bool)}
}

func (c etcdLog) level(l zapcore.Level) slog.Level {
	if l < zapcore.ErrorLevel || c.closing.Load() {
		return slog.LevelDebug
	}
	return slog.LevelError
}

// Enabled is part of zapcore.Core.
func (c etcdLog) Enabled(l zapcore.Level) bool {
	return c.handler.Enabled(context.Background(), c.level(l))
}

// With is part of zapcore.Core.
func (c etcdLog) With(fields []zapcore.Field) zapcore.Core {
	c.attrs = append(c.attrs[:len(c.attrs):len(c.attrs)], attrs(fields)...)
	return c
}

// Check is part of zapcore.Core.
func (c etcdLog) Check(e zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return checked.AddCore(e, c)
	}
	return checked
}

// Write is part of zapcore.Core.
func (c etcdLog) Write(e zapcore.Entry, fields []zapcore.Field) error {
	r := slog.NewRecord(e.Time, c.level(e.Level), e.Message, 0)
	r.AddAttrs(c.attrs...)
	r.AddAttrs(attrs(fields)...)
	return c.handler.Handle(context.Background(), r)
}

// Sync is part of zapcore.Core.
func (etcdLog) Sync() error { return nil }

func attrs(fields []zapcore.Field) []slog.Attr {
	values := zapcore.NewMapObjectEncoder()
	for _, f := range fields {
		f.AddTo(values)
	}
	all := make([]slog.Attr, 0, len(values.Fields))
	for _, f := range fields {
		if v, ok := values.Fields[f.Key]; ok {
			all = append(all, slog.Any(f.Key, v))
		}
	}
	return all
}
