// Command demo shows what Holdfast is for, on real parts: a manager, a real etcd of three members on loopback with an
// agent on each, a snapshot that is proved, a cluster that loses its data, and a restore through the manager's API. It
// runs Holdfast's programs as a user would and prints each command line before. Then it stays, for somebody to look
// around; with -once it ends with one line that states its verdict. Nothing of it stays behind.
//
// It must not check anything that it has not asked a real server. Start reading at run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// A demo that hangs shows nothing.
const limit = 15 * time.Minute

func main() {
	bin := flag.String("bin", "bin", "folder of the programs to show")
	objects := flag.Int("objects", 4000, "objects to fill the etcd with")
	once := flag.Bool("once", false, "end after the round trip")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *bin, *objects, *once); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted")
		}
		fmt.Printf("\nDEMO FAILED: %v\n", err)
		stop()
		os.Exit(1) //nolint:gocritic // the deferred calls have nothing left to do
	}
}

func say(format string, args ...any) { fmt.Printf("\n"+format+"\n", args...) }

func run(ctx context.Context, bin string, objects int, once bool) error {
	s, err := newStage(bin)
	if err != nil {
		return err
	}
	defer s.clear()
	playing, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	verdict, err := s.play(playing, objects)
	if err != nil {
		return err
	}
	if once {
		fmt.Printf("\nDEMO PASSED: %s\n", verdict)
		return nil
	}
	page, err := s.page()
	if err != nil {
		return err
	}
	say("All of it stays up until Ctrl-C. The way in, with a browser on this machine:\n\n  %s\n\nIts certificate is the "+
		"manager's own, so the browser asks first. Sign in with the token that this prints:\n\n  sed -n 's/^ *token: //p' %s",
		page, s.kubeconfig())
	say("Or with the command line, in another shell:\n\n  export KUBECONFIG=%s PATH=%s:$PATH\n  holdfast cluster ls\n  holdfast doctor %s\n\nWhat to try then is in docs/quickstart.md.",
		s.kubeconfig(), s.bin, clusterName)
	<-ctx.Done()
	say("Clearing up.")
	fmt.Printf("\nDEMO PASSED: %s\n", verdict)
	return nil
}
