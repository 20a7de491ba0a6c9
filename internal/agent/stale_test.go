package agent

import (
	"context"
	"errors"
	"testing"

	"github.com/holdfast-dev/holdfast/internal/distro"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

// found is a driver that finds something, or does not.
type found struct {
	distro.Driver
	inst            *distro.Installation
	err             error
	fenced, stopped bool
}

func (f *found) Discover(context.Context) (*distro.Installation, error) { return f.inst, f.err }
func (f *found) Fence(context.Context) error                            { f.fenced = true; return nil }
func (f *found) Stop(context.Context) error                             { f.stopped = true; return nil }

// TestAMachineWithoutEtcdIsOfTheNewEpochByItself: a worker that was off during a restore would else be fenced for ever.
func TestAMachineWithoutEtcdIsOfTheNewEpochByItself(t *testing.T) {
	for name, test := range map[string]struct {
		driver *found
		fenced bool
		epoch  int64
	}{
		"a worker":                        {&found{inst: &distro.Installation{}}, false, 3},
		"it has data":                     {&found{inst: &distro.Installation{DataDir: "/var/lib/etcd"}}, true, 0},
		"nobody knows whether it has any": {&found{err: errors.New("no unit")}, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			a := local(t, etcdtest.New(t), "")
			if err := a.missed(t.Context(), test.driver, 0, 3); err != nil {
				t.Fatal(err)
			}
			have, err := restoring.ReadEpoch(a.cfg.StateDir)
			if err != nil || have.Epoch != test.epoch || test.driver.fenced != test.fenced || test.driver.stopped != test.fenced {
				t.Errorf("epoch %d, fenced %v, stopped %v, %v", have.Epoch, test.driver.fenced, test.driver.stopped, err)
			}
		})
	}
}
