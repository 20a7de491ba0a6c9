package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// spent is what one run took.
type spent struct {
	wall time.Duration
	// cpu of its programs, user and system. What it costs etcd and MinIO is not in it.
	cpu time.Duration
	// anonymous is the most memory that is not a mapped file, of any of its programs, in bytes.
	anonymous int64
	// p99 of the writes that ran beside it.
	p99 time.Duration
}

func (b *bench) run(ctx context.Context, steps ...step) error {
	_, err := b.time(ctx, steps)
	return err
}

// time runs the steps one after the other.
func (b *bench) time(ctx context.Context, steps []step) (spent, error) {
	var s spent
	for _, step := range steps {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Env, cmd.Dir = b.env(), b.dir
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		started := time.Now()
		if err := cmd.Start(); err != nil {
			return s, err
		}
		peak := make(chan int64)
		ended := make(chan struct{})
		go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
		err := cmd.Wait()
		s.wall += time.Since(started)
		close(ended)
		s.anonymous = max(s.anonymous, <-peak)
		s.cpu += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		if err != nil {
			return s, fmt.Errorf("%s: %w\n%s", filepath.Base(step[0]), err, out.String())
		}
	}
	return s, nil
}

// watchMemory samples RssAnon of a process: the kernel keeps no peak of it.
func watchMemory(pid int, ended <-chan struct{}) int64 {
	var peak int64
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-tick.C:
			peak = max(peak, anonymous(pid))
		}
	}
}

func anonymous(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(data) {
		if rest, ok := bytes.CutPrefix(line, []byte("RssAnon:")); ok {
			kib, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
			return kib << 10
		}
	}
	return 0
}

// tidy removes what the runs of a pair left, so that each pair finds the same disk.
func (b *bench) tidy() {
	for _, pattern := range []string{"etcdctl.db-*", "repo-*", "restored-*", "downloaded.db-*"} {
		paths, _ := filepath.Glob(filepath.Join(b.dir, pattern))
		for _, p := range paths {
			os.RemoveAll(p)
		}
	}
}

// measure runs the pairs, each side first every other time. The first pair warms the caches and is not counted.
func (b *bench) measure(ctx context.Context, m measure, pairs int) ([]result, error) {
	if m.prepare != nil {
		if err := m.prepare(ctx); err != nil {
			return nil, err
		}
	}
	r := result{measure: m, mib: b.mib}
	for i := range pairs + 1 {
		var pair [2]spent
		for _, side := range [][2]int{{0, 1}, {1, 0}}[i%2] {
			var err error
			if pair[side], err = b.once(ctx, m, side); err != nil {
				return nil, err
			}
		}
		b.tidy()
		if i > 0 {
			r.stock, r.ours = append(r.stock, pair[0]), append(r.ours, pair[1])
			fmt.Fprintf(os.Stderr, "%d MiB (%s) pair %d: %s\n", b.mib, m.letter, i, r.last())
		}
	}
	return []result{r}, nil
}

func (b *bench) once(ctx context.Context, m measure, side int) (spent, error) {
	job := m.stock
	if side == 1 {
		job = m.ours
	}
	steps, err := job(ctx)
	if err != nil {
		return spent{}, err
	}
	if !m.latency {
		return b.time(ctx, steps)
	}
	return b.timeWithWrites(ctx, steps)
}
