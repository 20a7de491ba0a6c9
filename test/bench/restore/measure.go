package restore

import (
	"context"
	"fmt"
	"os"
	"time"
)

// Config says what to measure.
type Config struct {
	// Size of the database, in bytes; 0: what three empty servers have.
	Size int64
	// Pairs of restores, by hand and by Holdfast, each first every other time. One more pair warms the caches.
	Pairs int
}

// Pair is one restore by hand, one by Holdfast, and the plan before that.
type Pair struct {
	// Hand and Holdfast last until all three servers answer and all members have a vote. Holdfast's plan is part of it.
	Hand, Holdfast time.Duration
	// Plan is a plan that was made for itself before. Effect is what it did to the cluster, beside what that does at rest;
	// "" is nothing.
	Plan   time.Duration
	Effect string
}

// Measure restores again and again.
func Measure(ctx context.Context, cfg Config) (pairs []Pair, err error) {
	c, err := start(ctx, cfg.Size)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}()
	for i := range cfg.Pairs + 1 {
		p, err := c.pair(ctx, i%2 == 1)
		if err != nil {
			return nil, fmt.Errorf("pair %d: %w", i, err)
		}
		fmt.Fprintf(os.Stderr, "restore pair %d: by hand %.1f s, holdfast %.1f s, ratio %.2f; plan %.1f s %s\n",
			i, p.Hand.Seconds(), p.Holdfast.Seconds(), p.Holdfast.Seconds()/p.Hand.Seconds(), p.Plan.Seconds(), p.Effect)
		if i > 0 {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

func (c *cluster) pair(ctx context.Context, oursFirst bool) (Pair, error) {
	var p Pair
	hand := func() (err error) {
		p.Hand, err = c.time(ctx, c.byHand)
		return err
	}
	ours := func() (err error) {
		if p.Plan, p.Effect, err = c.plans(ctx); err != nil {
			return err
		}
		p.Holdfast, err = c.time(ctx, c.byHoldfast)
		return err
	}
	turns := []func() error{hand, ours}
	if oursFirst {
		turns = []func() error{ours, hand}
	}
	for _, turn := range turns {
		if err := turn(); err != nil {
			return p, err
		}
	}
	return p, nil
}

// time says how long a restore takes. Before it everything is at rest, and after it nothing is left.
func (c *cluster) time(ctx context.Context, restore func(context.Context) error) (time.Duration, error) {
	if err := c.settled(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := restore(ctx); err != nil {
		return 0, err
	}
	if err := c.serves(ctx); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, c.tidy(ctx)
}

func (c *cluster) byHoldfast(ctx context.Context) error {
	_, err := c.patient(ctx, "restore", "create", name, "--snapshot", c.snapshot, "--init-machine", c.first().Name, "--yes")
	return err
}
