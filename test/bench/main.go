// Command bench compares holdfast with the stock tools, side by side in one run: each pair runs both on the same etcd,
// the same files and the same MinIO, in alternating order, and what counts is the ratio of the two. Absolute times
// depend on the machine and on its mood, and are shown for orientation only.
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
)

func main() {
	holdfast := flag.String("holdfast", "bin/holdfast", "the program to measure")
	pairs := flag.Int("pairs", 7, "pairs of runs of each measure")
	sizes := flag.String("sizes", "256,1024", "sizes of the database, in MiB")
	only := flag.String("only", "", "letters of the measures to run; empty: all")
	report := flag.String("report", "", "file to write; empty: standard output only")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *holdfast, *pairs, *sizes, *only, *report); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, holdfast string, pairs int, sizes, only, report string) error {
	holdfast, err := filepath.Abs(holdfast)
	if err != nil {
		return err
	}
	var results []result
	for text := range strings.SplitSeq(sizes, ",") {
		mib, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		more, err := measureSize(ctx, holdfast, mib, pairs, only)
		if err != nil {
			return err
		}
		results = append(results, more...)
	}
	text := render(results, pairs)
	fmt.Print(text)
	if report == "" {
		return nil
	}
	return os.WriteFile(report, []byte(text), 0o644)
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
