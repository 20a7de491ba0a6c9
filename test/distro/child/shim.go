package child

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
)

// Shim stands between systemd and a pod's program, as containerd's does, and passes on the signal to end. It returns the
// exit code. Killed outright, it leaves the program behind.
func Shim(args []string) int {
	i := slices.Index(args, "--")
	if i < 0 || i+1 >= len(args) {
		return 2
	}
	cmd := exec.Command(args[i+1], args[i+2:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 1
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		cmd.Process.Signal(syscall.SIGTERM)
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	}
	return 0
}
