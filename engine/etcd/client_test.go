package etcd

import (
	"errors"
	"testing"
	"time"
)

func TestClosingTheClientEndsItsStreams(t *testing.T) {
	address := sentFor(messages(testDatabase())[:2], nil, time.Hour).serve(t, nil)
	c := dialTest(t, Config{Endpoints: []string{address}})
	s, err := c.Snapshot(t.Context(), Member{Endpoint: address}, StreamConfig{StallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if got, err := readAll(s); err == nil || int64(len(got)) >= s.Size() {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestAClosedClientAsksNobody(t *testing.T) {
	address := play(messages(testDatabase()), nil).serve(t, nil)
	c := dialTest(t, Config{Endpoints: []string{address}})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Inspect(t.Context()); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Snapshot(t.Context(), Member{Endpoint: address}, StreamConfig{}); !errors.Is(err, errClosed) {
		t.Errorf("got %v", err)
	}
}
