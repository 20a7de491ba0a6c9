package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/distro/node"
)

// How often controllers look, and after how long without a quorum a server gives up.
const (
	quorumEvery  = time.Second
	quorumLost   = 10 * time.Second
	nodeEvery    = 10 * time.Second
	membersEvery = 2 * time.Second
)

// control starts what a running server does.
func (s *Server) control(ctx context.Context) {
	go s.guardQuorum(ctx)
	if s.keeper != nil {
		go s.every(ctx, membersEvery, "learners", s.promote)
	}
	clients, err := s.await(ctx)
	if err != nil {
		return
	}
	if s.encrypts() && !s.cfg.DisableAPIServer {
		go s.announceEncryption(ctx, clients)
	}
	if !s.cfg.DisableAgent {
		go s.playKubelet(ctx)
	}
	if s.keeper != nil {
		go s.every(ctx, membersEvery, "etcd members", s.tendMembers)
		if !s.cfg.Snapshot.Disabled {
			s.schedule(ctx)
			go s.reconcileRecords(ctx)
		}
	}
	if !s.cfg.DisableControllers && !s.cfg.DisableAPIServer {
		go s.every(ctx, nodeEvery, "node health", func(ctx context.Context) error { return node.Judge(ctx, s.clients, s.cfg.Now()) })
	}
}

// every does something again and again; what fails is tried again next time.
func (s *Server) every(ctx context.Context, interval time.Duration, what string, do func(context.Context) error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		if err := do(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Debugf("%s: %v", what, err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// guardQuorum ends a server whose leases can't be renewed: those of the real one are its controllers'. It asks etcd for a
// leader, since a busy machine is slow with writes without having lost anything.
func (s *Server) guardQuorum(ctx context.Context) {
	var since time.Time // when etcd was first seen without a leader
	s.every(ctx, quorumEvery, "quorum", func(ctx context.Context) error {
		asked, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		status, err := s.etcd.Status(asked, s.etcd.Endpoints()[0])
		switch {
		case err != nil:
			return err
		case status.Leader != 0:
			since = time.Time{}
		case since.IsZero():
			since = time.Now()
		case time.Since(since) > quorumLost:
			s.end(errors.New("leaderelection lost"))
		}
		return nil
	})
}

func (s *Server) machine() node.Machine {
	labels := node.ParseLabels(s.cfg.NodeLabels)
	if !s.cfg.DisableAPIServer {
		labels["node-role.kubernetes.io/control-plane"] = "true"
		labels["node-role.kubernetes.io/master"] = "true"
	}
	return node.Machine{Name: s.cfg.NodeName, IP: s.cfg.NodeIP, Version: s.cfg.Version, Labels: labels, Taints: node.ParseTaints(s.cfg.NodeTaints), Now: s.cfg.Now}
}

// playKubelet registers this machine's Node and renews it, as long as its password is the right one.
func (s *Server) playKubelet(ctx context.Context) {
	password, err := node.Password()
	if err != nil {
		s.end(err)
		return
	}
	registered := false
	s.every(ctx, nodeEvery/2, "node", func(ctx context.Context) error {
		if registered {
			return s.machine().Renew(ctx, s.clients)
		}
		if err := node.CheckPassword(ctx, s.clients, s.cfg.Flavor, s.cfg.NodeName, password); err != nil {
			s.cfg.Log.Errorf("%v", err)
			return err
		}
		err := s.machine().Register(ctx, s.clients)
		registered = err == nil
		return err
	})
}

// promote gives learners their votes. It takes no API server: a cluster of etcd servers alone comes up without one.
func (s *Server) promote(ctx context.Context) error {
	_, err := s.member.Promote(ctx, s.etcd)
	return err
}

// tendMembers writes on this Node what etcd knows of it, and ends what a reset has begun.
func (s *Server) tendMembers(ctx context.Context) error {
	name, err := s.member.Name()
	if err != nil {
		return err
	}
	status, err := s.etcd.Status(ctx, s.etcd.Endpoints()[0])
	if err != nil {
		return err
	}
	mark := node.Member{Name: name, Address: s.cfg.NodeIP, Voter: !status.IsLearner}
	there, err := node.MarkMember(ctx, s.clients, s.cfg.Flavor, s.cfg.NodeName, mark, metav1.NewTime(s.cfg.Now()))
	if err != nil || !there {
		return err
	}
	if exists(s.cfg.resetFlag()) {
		return s.endReset(ctx)
	}
	return s.removeOthers(ctx)
}

// removeOthers obeys the Nodes that ask for the removal of their members. No server removes its own.
func (s *Server) removeOthers(ctx context.Context) error {
	leaving, err := node.Leaving(ctx, s.clients, s.cfg.Flavor)
	if err != nil {
		return err
	}
	for name, member := range leaving {
		if name == s.cfg.NodeName {
			continue
		}
		s.cfg.Log.Infof("Removing etcd member %s of node %s due to annotation", member, name)
		if err := s.member.Remove(ctx, s.etcd, member); err != nil {
			return err
		}
		if err := node.MarkRemoved(ctx, s.clients, s.cfg.Flavor, name, member); err != nil {
			return err
		}
	}
	return nil
}

// endReset is what the first normal start after a reset does, once there is a Node.
func (s *Server) endReset(ctx context.Context) error {
	cleared, err := node.ClearRemovals(ctx, s.clients, s.cfg.Flavor)
	if err != nil {
		return err
	}
	for _, name := range cleared {
		s.cfg.Log.Infof("Cleared etcd member removal annotations from node %s", name)
	}
	return os.Remove(s.cfg.resetFlag())
}

// schedule starts the cron. A spec that is none is ignored without a word.
func (s *Server) schedule(ctx context.Context) {
	c := cron.New(cron.WithChain(cron.SkipIfStillRunning(cron.DiscardLogger)), cron.WithLogger(cron.VerbosePrintfLogger(s.cfg.Log)))
	c.AddFunc(s.cfg.Snapshot.Cron, func() {
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(rand.Int64N(int64(5 * time.Second)))):
			s.snapshots.Scheduled(ctx, s.cfg.Snapshot.Name, s.cfg.request())
		}
	})
	c.Start()
	context.AfterFunc(ctx, func() { c.Stop() })
}

// reconcileRecords brings records in step now and then.
func (s *Server) reconcileRecords(ctx context.Context) {
	s.every(ctx, s.cfg.Snapshot.Reconcile, "records", func(ctx context.Context) error {
		if err := s.snapshots.Reconcile(ctx, s.cfg.request()); err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		return nil
	})
}
