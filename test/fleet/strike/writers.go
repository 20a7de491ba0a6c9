package strike

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/holdfast-dev/holdfast/test/lab"
)

// Members are those of a cluster.
type Members interface {
	// MemberClient connects the host to one member alone. The caller closes it.
	MemberClient(n *lab.Node) (*clientv3.Client, error)
}

// Writers write to each member as long as they are let, each member by itself, whatever it answers.
type Writers struct {
	members Members
	nodes   []*lab.Node
	mark    string
	stop    context.CancelFunc
	done    sync.WaitGroup

	mu   sync.Mutex
	acks []ack
}

// ack is a write that a member acknowledged.
type ack struct {
	key       string
	member    string // machine
	cluster   string // see Identity
	term      uint64
	revision  int64
	sent, got time.Time
}

const (
	writersPrefix = "/writers/"
	writeTimeout  = time.Second
	writePause    = 100 * time.Millisecond
)

// Identity of a cluster: its id, and what it holds under a key that is different before and after a restore. The id alone
// is not enough: that of a member which a distribution restores on the first server is the one that it always had.
func Identity(id uint64, held []*mvccpb.KeyValue) string {
	for _, kv := range held {
		return fmt.Sprintf("%x with %q", id, kv.Value)
	}
	return fmt.Sprintf("%x", id)
}

// StartWriters begins to write to the members on some machines. The key mark holds what tells one cluster from another.
func StartWriters(ctx context.Context, members Members, nodes []*lab.Node, mark string) *Writers {
	ctx, stop := context.WithCancel(ctx)
	w := &Writers{members: members, nodes: nodes, mark: mark, stop: stop}
	run := time.Now().UnixNano() // keys of earlier ones may have been restored
	for _, n := range nodes {
		w.done.Go(func() { w.write(ctx, n, run) })
	}
	return w
}

// Stop ends the writing.
func (w *Writers) Stop() {
	w.stop()
	w.done.Wait()
}

func (w *Writers) write(ctx context.Context, n *lab.Node, run int64) {
	var cli *clientv3.Client
	for i := 0; ctx.Err() == nil; i++ {
		if cli == nil {
			cli, _ = w.members.MemberClient(n)
		}
		if cli != nil && !w.put(ctx, cli, n.Name, fmt.Sprintf("%s%d/%s/%d", writersPrefix, run, n.Name, i)) {
			cli.Close() // else it backs off for longer and longer
			cli = nil
		}
		select {
		case <-time.After(writePause):
		case <-ctx.Done():
		}
	}
	if cli != nil {
		cli.Close()
	}
}

func (w *Writers) put(ctx context.Context, cli *clientv3.Client, member, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	a := ack{key: key, member: member, sent: time.Now()}
	r, err := cli.Txn(ctx).Then(clientv3.OpPut(key, member), clientv3.OpGet(w.mark)).Commit()
	if err != nil {
		return false
	}
	a.got = time.Now()
	a.cluster = Identity(r.Header.ClusterId, r.Responses[1].GetResponseRange().GetKvs())
	a.term, a.revision = r.Header.RaftTerm, r.Header.Revision
	w.mu.Lock()
	w.acks = append(w.acks, a)
	w.mu.Unlock()
	return true
}

// Wrong judges what was written before Stop: clusters follow one another, and each one's revisions and terms grow with
// time, which they would not if two sets of members had the same name. The cluster remains that has the given identity;
// every member must hold what it has acknowledged. back says that the old cluster may come again after the new one.
func (w *Writers) Wrong(ctx context.Context, remains string, back bool) error {
	acks := slices.SortedFunc(slices.Values(w.acks), func(a, b ack) int { return a.got.Compare(b.got) })
	errs := []error{inTurn(acks, back), growing(acks)}
	for _, n := range w.nodes {
		errs = append(errs, w.lost(ctx, n, remains))
	}
	return errors.Join(errs...)
}

// inTurn checks that no cluster takes writes again after another did.
func inTurn(acks []ack, back bool) error {
	var turns []ack
	for _, a := range acks {
		if len(turns) == 0 || turns[len(turns)-1].cluster != a.cluster {
			turns = append(turns, a)
		}
	}
	most := 2
	if back {
		most = 3
	}
	if len(turns) > most || len(turns) == 3 && turns[0].cluster != turns[2].cluster {
		return fmt.Errorf("clusters took writes in turn: %v", words(turns))
	}
	return nil
}

func words(acks []ack) []string {
	var list []string
	for _, a := range acks {
		list = append(list, fmt.Sprintf("%s on %s at %s", a.cluster, a.member, a.got.UTC().Format("15:04:05.000")))
	}
	return list
}

// growing checks each cluster's revisions and terms: of two writes of which one was acknowledged before the other was
// sent, the other has the higher revision and no lower term. The acks are in the order in which they came.
func growing(acks []ack) error {
	highest := map[string][]ack{} // by cluster, of those that came so far, each higher than the one before
	for _, a := range acks {
		list := highest[a.cluster]
		i, _ := slices.BinarySearchFunc(list, a.sent, func(b ack, sent time.Time) int { return b.got.Compare(sent) })
		if i > 0 {
			if b := list[i-1]; a.revision <= b.revision || a.term < b.term {
				return fmt.Errorf("cluster %s: revision %d, term %d on %s after revision %d, term %d on %s",
					a.cluster, a.revision, a.term, a.member, b.revision, b.term, b.member)
			}
		}
		if len(list) == 0 || a.revision > list[len(list)-1].revision {
			highest[a.cluster] = append(list, a)
		}
	}
	return nil
}

// lost checks that a member holds what the cluster acknowledged.
func (w *Writers) lost(ctx context.Context, n *lab.Node, cluster string) error {
	cli, err := w.members.MemberClient(n)
	if err != nil {
		return err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	r, err := cli.Get(ctx, writersPrefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
	if err != nil {
		return fmt.Errorf("what %s holds: %w", n.Name, err)
	}
	held := map[string]bool{}
	for _, kv := range r.Kvs {
		held[string(kv.Key)] = true
	}
	var missing []ack
	for _, a := range w.acks {
		if a.cluster == cluster && !held[a.key] {
			missing = append(missing, a)
		}
	}
	if len(missing) > 0 {
		first := slices.MinFunc(missing, func(a, b ack) int { return cmp.Compare(a.revision, b.revision) })
		return fmt.Errorf("%s lost %d writes that cluster %s acknowledged, the first %s at revision %d", n.Name, len(missing), cluster, first.key, first.revision)
	}
	return nil
}

// Acknowledged is how many writes were.
func (w *Writers) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acks)
}
