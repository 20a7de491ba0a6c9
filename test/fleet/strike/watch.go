package strike

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/test/lab"
	"github.com/holdfast-dev/holdfast/test/lab/gate"
)

// Watch follows the journals of machines.
type Watch struct {
	server Server
	gate   *gate.Gate
	ends   chan struct{}
	done   sync.WaitGroup

	mu       sync.Mutex
	machines map[uint64]*machine // by the device of their disk
	told     func(Moment)
	errs     []error
}

// machine is what is known of one.
type machine struct {
	node   *lab.Node
	server Server

	mu      sync.Mutex
	journal journal
	// ran are the processes of the server that were there when its fence came up.
	ran    map[int]bool
	fenced bool
	// reset is the unit that was told of.
	reset string
}

// NewWatch watches machines whose agents have run before, and on which a server runs. It begins with what their journals say.
func NewWatch(nodes []*lab.Node, server Server) (*Watch, error) {
	w := &Watch{server: server, ends: make(chan struct{}), machines: map[uint64]*machine{}}
	var err error
	if w.gate, err = gate.New(w.opening); err != nil {
		return nil, err
	}
	for _, n := range nodes {
		if err := w.add(n); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

func (w *Watch) add(n *lab.Node) error {
	dir, err := n.HostPath(JournalDir)
	if err != nil {
		return err
	}
	m := &machine{node: n, server: w.server, journal: newJournal(dir)}
	var stat unix.Stat_t
	if err := unix.Stat(dir, &stat); err != nil {
		return fmt.Errorf("the journal of %s: %w", n.Name, err)
	}
	w.mu.Lock()
	w.machines[stat.Dev] = m
	w.mu.Unlock()
	if err := w.gate.Watch(dir); err != nil {
		return err
	}
	m.mu.Lock()
	_, err = w.read(m)
	m.mu.Unlock()
	w.done.Go(func() { w.look(m) })
	return err
}

// Tell has a function told each moment from now on, and nobody else. The agent waits until it returns.
func (w *Watch) Tell(told func(Moment)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = told
}

// Close lets all agents go on. It returns everything that was seen and must not be.
func (w *Watch) Close() error {
	close(w.ends)
	w.done.Wait()
	return errors.Join(w.Wrong(), w.gate.Close())
}

// Wrong is what was seen since it was asked last, and must not be: an etcd behind a fence.
func (w *Watch) Wrong() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := errors.Join(w.errs...)
	w.errs = nil
	return err
}

func (w *Watch) wrong(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.errs = append(w.errs, err)
}

// opening is called while a process waits to open something in a journal. The agent replaces a file through a temporary
// one, and syncs the directory after that: it is held before it writes the first, and before the second.
func (w *Watch) opening(o gate.Opening) {
	w.mu.Lock()
	m, told := w.machines[o.Device], w.told
	w.mu.Unlock()
	if m == nil {
		return
	}
	moments, err := w.moments(m, o)
	if err != nil {
		w.wrong(fmt.Errorf("the journal of %s: %w", m.node.Name, err))
	}
	for _, moment := range moments {
		if told != nil {
			told(moment)
		}
	}
}

func (w *Watch) moments(m *machine, o gate.Opening) ([]Moment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	changed, err := w.read(m)
	if err != nil {
		return nil, err
	}
	var list []Moment
	for _, f := range changed {
		rec := m.journal.records[f.operation][f.name]
		list = append(list, m.moment(f.operation, rec.ID, rec.Kind, after(rec.State)))
	}
	operation := filepath.Base(filepath.Dir(o.Path))
	if found := newRecord.FindStringSubmatch(filepath.Base(o.Path)); found != nil {
		if moment, ok := m.before(operation, found[1]); ok {
			list = append(list, moment)
		}
	}
	for i := range list {
		pids, err := m.server.all(m.node)
		if err != nil {
			return nil, err
		}
		list[i].Running = len(pids) > 0
	}
	return list, nil
}

// read brings what is known of a machine up to date, and watches the folders of new operations.
func (w *Watch) read(m *machine) ([]file, error) {
	if err := m.journal.watchNew(w.gate.Watch); err != nil {
		return nil, err
	}
	changed, err := m.journal.read()
	if err != nil {
		return nil, err
	}
	fenced, _ := m.journal.closed()
	if fenced && !m.fenced {
		pids, err := m.node.UnitProcesses(m.server.Unit)
		if err != nil {
			return nil, err
		}
		m.ran = map[int]bool{}
		for _, pid := range pids {
			m.ran[pid] = true
		}
	}
	m.fenced = fenced
	return changed, nil
}

func (m *machine) moment(operation, id string, kind step.Kind, at At) Moment {
	return Moment{Machine: m.node.Name, Operation: operation, Step: name(id), Kind: kind, At: at}
}

// before is the moment before a record is written.
func (m *machine) before(operation, file string) (Moment, bool) {
	rec, known := m.journal.records[operation][file]
	switch {
	case known && m.journal.plan.Undo:
		return m.moment(operation, rec.ID, rec.Kind, Untaken), true
	case known && rec.State == step.Begun:
		return m.moment(operation, rec.ID, rec.Kind, Unended), true
	case known:
		return Moment{}, false
	}
	next, ok := m.journal.next()
	return m.moment(operation, next.ID, step.Kind(next.Kind), Unbegun), ok
}

func after(s step.State) At {
	switch s {
	case step.Begun:
		return Begun
	case step.Undone, step.Stuck:
		return Taken
	}
	return Ended
}

// lookInterval is far below what etcd needs to come up, and systemd to start it again.
const lookInterval = 20 * time.Millisecond

// look looks for an etcd that must not be there, and for a reset.
func (w *Watch) look(m *machine) {
	tick := time.NewTicker(lookInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-w.ends:
			return
		}
		if err := m.unfit(); err != nil {
			w.wrong(err)
		}
		moment, ok, err := m.resetting()
		if err != nil {
			w.wrong(err)
		}
		w.mu.Lock()
		told := w.told
		w.mu.Unlock()
		if ok && told != nil {
			told(moment)
		}
	}
}

// resetUnits are those that a distribution's reset of a cluster runs as.
const resetUnits = "holdfast-reset-*.service"

// resetting is the moment at which a reset is seen that was not told of.
func (m *machine) resetting() (Moment, bool, error) {
	units, err := m.node.Services(resetUnits)
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.journal.last(step.RestoreEtcd)
	if err != nil || len(units) == 0 || units[0] == m.reset || m.journal.plan.Operation == nil || rec.State != step.Begun {
		return Moment{}, false, err
	}
	m.reset = units[0]
	return m.moment(m.journal.plan.Operation.UID, rec.ID, rec.Kind, Amid), true, nil
}

func (m *machine) unfit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	fenced, stopped := m.journal.closed()
	if !fenced {
		return nil
	}
	if stopped {
		return m.unstopped()
	}
	pids, err := m.node.UnitProcesses(m.server.Unit)
	if err != nil || len(pids) == 0 {
		return err
	}
	for _, pid := range pids {
		if m.ran[pid] {
			return nil // what is new beside it is its child
		}
	}
	return fmt.Errorf("%s was started on %s behind its fence", m.server.Unit, m.node.Name)
}

// unstopped looks for what must not run. A reset starts a server of its own, as a unit of its own, and pods as any server.
func (m *machine) unstopped() error {
	look := m.server.all
	if m.journal.resets() {
		look = func(n *lab.Node) ([]int, error) { return n.UnitProcesses(m.server.Unit) }
	}
	pids, err := look(m.node)
	if err == nil && len(pids) > 0 {
		err = fmt.Errorf("%s runs on %s, and was stopped", m.server.Unit, m.node.Name)
	}
	return err
}
