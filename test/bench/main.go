// Command bench measures Holdfast. It compares holdfast with the stock tools, side by side in one run: each pair runs both
// on the same etcd, the same files and the same MinIO, in alternating order, and what counts is the ratio of the two.
// Absolute times depend on the machine and on its mood, and are shown for orientation only. And it measures what a manager
// of a whole fleet costs, and an agent.
//
// It writes docs/benchmarks.md. Start reading at measures, in measures.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Letters of what is no comparison.
const (
	letterFleet = "h"
	letterAgent = "i"
	// lettersLab want machines.
	lettersLab = "jk"
)

// options are the command line.
type options struct {
	bin           string
	pairs         int
	sizes, fleets string
	only, report  string
	dir           string
	rest          time.Duration
	restarts      bool
	restores      int
}

func main() {
	var o options
	flag.StringVar(&o.bin, "bin", "bin", "folder with the programs to measure")
	flag.IntVar(&o.pairs, "pairs", 7, "pairs of runs of each comparison")
	flag.StringVar(&o.sizes, "sizes", "256,1024", "sizes of the database, in MiB")
	flag.StringVar(&o.fleets, "fleets", "100,300,1000", "sizes of the fleet, in clusters of three machines")
	flag.DurationVar(&o.rest, "rest", 10*time.Minute, "how long a fleet, and an agent, are watched at rest")
	flag.BoolVar(&o.restarts, "restarts", true, "end the manager of each fleet by SIGTERM and SIGKILL, too")
	flag.IntVar(&o.restores, "restore-size", 256, "size of the database in (j) and (k), in MiB")
	flag.StringVar(&o.dir, "dir", "/dev/shm", "folder for the data of a fleet's server")
	flag.StringVar(&o.only, "only", "", "letters of the measures to run; empty: all")
	flag.StringVar(&o.report, "report", "", "file whose sections are replaced by what was measured; empty: standard output only")
	flag.Parse()
	log.SetLogger(logr.Discard())
	if o.only != "" && strings.Trim(o.only, lettersLab) == "" {
		os.Exit(lab.Main(func() int { return execute(o) }))
	}
	os.Exit(execute(o))
}

func execute(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		return 1
	}
	return 0
}

// wants tells whether any of the letters is to be measured.
func (o options) wants(letters string) bool {
	return o.only == "" || strings.ContainsAny(o.only, letters)
}

func run(ctx context.Context, o options) error {
	var err error
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	for _, part := range []struct {
		letters string
		measure func(context.Context, options) (section, error)
	}{
		{"abcdef", compare}, {letterFleet, measureFleets}, {letterAgent, measureAgent},
		{lettersLab, measureRestores},
	} {
		if !o.wants(part.letters) {
			continue
		}
		s, err := part.measure(ctx, o)
		if err != nil {
			return err
		}
		if s.title == "" {
			continue // it has written it itself
		}
		fmt.Print(s.text())
		if o.report == "" {
			continue
		}
		if err := s.write(o.report); err != nil {
			return err
		}
	}
	return nil
}

// numbers in a list with commas.
func numbers(list string) ([]int, error) {
	var all []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

// compare measures holdfast against the stock tools.
func compare(ctx context.Context, o options) (section, error) {
	sizes, err := numbers(o.sizes)
	if err != nil {
		return section{}, err
	}
	var results []result
	for _, mib := range sizes {
		more, err := measureSize(ctx, filepath.Join(o.bin, "holdfast"), mib, o.pairs, o.only)
		if err != nil {
			return section{}, err
		}
		results = append(results, more...)
	}
	return render(results, o.pairs), nil
}

func measureSize(ctx context.Context, holdfast string, mib, pairs int, only string) ([]result, error) {
	b, err := newBench(ctx, holdfast, mib)
	if err != nil {
		return nil, err
	}
	defer b.close()
	var results []result
	for _, m := range b.measures() {
		if only != "" && !strings.Contains(only, m.letter) {
			continue
		}
		r, err := b.measure(ctx, m, pairs)
		if err != nil {
			return nil, fmt.Errorf("(%s) %s: %w", m.letter, m.name, err)
		}
		results = append(results, r...)
	}
	return results, nil
}
