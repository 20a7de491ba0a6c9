package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/holdfast-dev/holdfast/test/fleet/strike"
	"github.com/holdfast-dev/holdfast/test/lab"
)

const agentUnit = "holdfast-agent.service"

// striker strikes once, and mends what nothing mends by itself.
type striker struct {
	*arena
	strike strike.Strike

	once    sync.Once
	mending sync.WaitGroup

	mu   sync.Mutex
	err  error
	seen []string // moments, for whoever wonders why this one did not come
	// came says that it came to the blow, hit that something was there to be hit.
	came, hit bool
}

// moment strikes while the agent waits.
func (s *striker) moment(ctx context.Context, m strike.Moment) {
	s.mu.Lock()
	s.seen = append(s.seen, m.Machine+": "+strike.PlaceOf(m, s.leader.Name).String())
	s.mu.Unlock()
	if !s.strike.Place.Is(m, s.leader.Name) {
		return
	}
	s.once.Do(func() {
		if err := s.blow(ctx, s.victim(m)); err != nil {
			s.wrong(fmt.Errorf("strike: %w", err))
		}
	})
}

func (s *striker) victim(m strike.Moment) *lab.Node {
	if !s.strike.Elsewhere {
		return s.node(m.Machine)
	}
	if m.Machine != s.leader.Name {
		return s.leader
	}
	return s.others()[0]
}

func (s *striker) blow(ctx context.Context, victim *lab.Node) (err error) {
	s.came, s.hit = true, true
	switch s.strike.Weapon {
	case strike.Agent:
		s.hit, err = hit(victim.KillUnit(agentUnit))
	case strike.Etcd:
		s.hit, err = hit(s.ground.server().Kill(victim))
	case strike.Reset:
		s.hit, err = hit(strike.KillReset(victim))
	case strike.Manager:
		err = s.KillManager()
		s.mend(func() error { return s.StartManager(ctx) })
	case strike.Power:
		err = victim.PowerCut(ctx)
		s.mend(func() error { return victim.Start(ctx) })
	}
	return err
}

func hit(killed int, err error) (bool, error) { return killed > 0, err }

// mend does something beside, so that the agent need not wait for it.
func (s *striker) mend(how func() error) {
	s.mending.Go(func() {
		if err := how(); err != nil {
			s.wrong(fmt.Errorf("mend: %w", err))
		}
	})
}

func (s *striker) wrong(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}

// mended waits until everything runs again, and returns what went wrong with the strike itself.
func (s *striker) mended() error {
	s.mending.Wait()
	return s.err
}
