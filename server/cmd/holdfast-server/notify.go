package main

import (
	"os"

	"github.com/coreos/go-systemd/v22/daemon"
)

const notifySocket = "NOTIFY_SOCKET"

// systemd is told how the manager is, if it has started it.
type systemd struct{ socket string }

// newSystemd takes the way to systemd out of the environment: the embedded API server would say that it is ready, long
// before the manager is.
func newSystemd() (systemd, error) {
	s := systemd{os.Getenv(notifySocket)}
	return s, os.Unsetenv(notifySocket)
}

func (s systemd) tell(state string) error {
	if s.socket == "" {
		return nil
	}
	if err := os.Setenv(notifySocket, s.socket); err != nil {
		return err
	}
	_, err := daemon.SdNotify(true, state)
	return err
}
