package restore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// rest is for how long the cluster is watched with nobody asking anything of it: longer than the longest of the intervals
// in which its parts write.
const rest = 30 * time.Second

// compaction is what the API server writes every five minutes, and so in hardly any rest.
const compaction = "compact_rev_key"

// plans makes a plan and takes it back. It says how long that took, and what it did to the cluster.
func (c *cluster) plans(ctx context.Context) (took time.Duration, effect string, err error) {
	if err := c.settled(ctx); err != nil {
		return 0, "", err
	}
	client, err := c.etcd()
	if err != nil {
		return 0, "", err
	}
	defer client.Close()
	usual, err := c.watch(ctx, client, func() error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(rest):
			return nil
		}
	})
	if err != nil {
		return 0, "", err
	}
	then, err := c.watch(ctx, client, func() error {
		began := time.Now()
		_, err := c.patient(ctx, "restore", "plan", name, "--snapshot", c.snapshot, "--init-machine", c.first().Name)
		took = time.Since(began)
		return err
	})
	if err != nil {
		return 0, "", err
	}
	_, err = c.patient(ctx, "restore", "cancel", name)
	return took, then.beside(usual), err
}

// doings are what happened to the cluster during some time.
type doings struct {
	// written are the kinds of objects that were written; processes, which the servers run, and who leads in which term.
	written   []string
	processes string
	leader    string
}

// watch does something, and tells what happened meanwhile.
func (c *cluster) watch(ctx context.Context, client *clientv3.Client, do func() error) (*doings, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	before, err := c.state(ctx, client)
	if err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	after, err := c.state(ctx, client)
	if err != nil {
		return nil, err
	}
	d := &doings{}
	if before.processes != after.processes {
		d.processes = fmt.Sprintf("%s became %s", before.processes, after.processes)
	}
	if before.leader != after.leader {
		d.leader = fmt.Sprintf("%s became %s", before.leader, after.leader)
	}
	d.written, err = kinds(ctx, client, before.revision+1, after.revision)
	return d, err
}

// state is what a plan must leave as it is.
type state struct {
	processes, leader string
	revision          int64
}

func (c *cluster) state(ctx context.Context, client *clientv3.Client) (*state, error) {
	s := &state{}
	for _, n := range c.Lab.Nodes {
		out, err := n.Run(ctx, "systemctl", "show", "-P", "InvocationID", "k3s")
		if err != nil {
			return nil, err
		}
		s.processes += n.Name + "=" + strings.TrimSpace(out) + " "
	}
	status, err := client.Status(ctx, client.Endpoints()[0])
	if err != nil {
		return nil, err
	}
	s.leader = fmt.Sprintf("%x in term %d", status.Leader, status.RaftTerm)
	s.revision = status.Header.Revision
	return s, nil
}

// kinds are those of the keys that were written from one revision to another.
func kinds(ctx context.Context, client *clientv3.Client, from, to int64) ([]string, error) {
	var found []string
	if to < from {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for response := range client.Watch(ctx, "", clientv3.WithPrefix(), clientv3.WithRev(from), clientv3.WithProgressNotify()) {
		if err := response.Err(); err != nil {
			return nil, err
		}
		for _, e := range response.Events {
			if e.Kv.ModRevision > to {
				return found, nil
			}
			if kind := kind(string(e.Kv.Key)); kind != compaction && !slices.Contains(found, kind) {
				found = append(found, kind)
			}
		}
		if n := len(response.Events); n > 0 && response.Events[n-1].Kv.ModRevision == to {
			return found, nil
		}
	}
	return nil, context.Cause(ctx)
}

// kind is what is before the name of an object.
func kind(key string) string {
	if parts := strings.SplitN(key, "/", 4); len(parts) > 2 {
		return strings.Join(parts[:3], "/")
	}
	return key
}

// beside says what happened that does not happen at rest. That a leader changed at rest is the machine's mood.
func (d *doings) beside(usual *doings) string {
	var more []string
	for _, k := range d.written {
		if !slices.Contains(usual.written, k) {
			more = append(more, k+" was written")
		}
	}
	if d.processes != "" {
		more = append(more, "servers were restarted: "+d.processes)
	}
	if d.leader != "" {
		more = append(more, "the leader changed: "+d.leader)
	}
	return strings.Join(more, "; ")
}
