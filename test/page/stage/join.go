package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/simulated"
)

// join has one simulated machine join a manager, as the line from the page has a real one, and runs its agent until ctx ends.
// The token is that of the line.
func join(ctx context.Context, server, name string) error {
	dir, err := os.MkdirTemp("", "holdfast-machine-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	text := os.Getenv("HOLDFAST_JOIN_TOKEN")
	token, err := enroll.ParseJoinToken(text)
	if err != nil {
		return err
	}
	identity, err := enroll.Join(ctx, enroll.JoinConfig{Dir: dir, Server: server, Token: text, Machine: name, Now: time.Now})
	if err != nil {
		return fmt.Errorf("join %s: %w", server, err)
	}
	api, err := simulated.Connect(identity)
	if err != nil {
		return err
	}
	simulated.New(simulated.Config{Client: api, Namespace: token.Namespace, Name: name, Members: []string{name}, Held: 1}).Run(ctx)
	return nil
}
