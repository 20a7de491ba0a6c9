package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// The writes that a cluster makes while it is being saved.
const writesPerSecond = 100

// timeWithWrites runs the steps while a client writes at a steady rate, and finds the 99th percentile of how long a
// write took, counted from when it was due: a write that waits behind a slow one is slow too.
func (b *bench) timeWithWrites(ctx context.Context, steps []step) (spent, error) {
	client, err := b.etcd.Client()
	if err != nil {
		return spent{}, err
	}
	defer client.Close()
	writing, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	wg.Go(func() {
		tick := time.NewTicker(time.Second / writesPerSecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			select {
			case <-writing.Done():
				return
			case <-tick.C:
			}
			due := time.Now()
			wg.Go(func() {
				if write(writing, client, i) == nil {
					mu.Lock()
					defer mu.Unlock()
					took = append(took, time.Since(due))
				}
			})
		}
	})
	s, err := b.time(ctx, steps)
	stop()
	wg.Wait()
	if err == nil && len(took) < 50 {
		err = fmt.Errorf("only %d writes ran beside the save", len(took))
	}
	if err != nil {
		return s, err
	}
	slices.Sort(took)
	s.p99 = took[len(took)*99/100]
	return s, nil
}

func write(ctx context.Context, client *clientv3.Client, i int) error {
	_, err := client.Put(ctx, fmt.Sprintf("/registry/leases/kube-node-lease/node-%d", i%50), string(make([]byte, 400)))
	return err
}
