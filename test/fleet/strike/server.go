package strike

import (
	"errors"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Server is what has etcd on each machine: the unit that starts it, and what outlives that.
type Server struct {
	Unit string
	// Pods is the slice of what the unit starts and leaves running; "" where all dies with it.
	Pods string
}

// all are its processes on a machine.
func (s Server) all(n *lab.Node) ([]int, error) {
	pids, err := n.UnitProcesses(s.Unit)
	if err != nil || s.Pods == "" {
		return pids, err
	}
	pods, err := n.SliceProcesses(s.Pods)
	return append(pids, pods...), err
}

// Kill ends all of it with SIGKILL, and says how many processes that were.
func (s Server) Kill(n *lab.Node) (int, error) {
	pids, err := s.all(n)
	if err != nil {
		return 0, err
	}
	return lab.Kill(pids)
}

// KillReset ends the reset of a cluster that is under way on a machine, and says how many processes that were.
func KillReset(n *lab.Node) (killed int, err error) {
	units, err := n.Services(resetUnits)
	for _, unit := range units {
		more, killErr := n.KillUnit(unit)
		killed, err = killed+more, errors.Join(err, killErr)
	}
	return killed, err
}
