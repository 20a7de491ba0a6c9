package restoring

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// nodePrefix is where Kubernetes keeps its Nodes, by the name that they had when that was decided.
var nodePrefix = []byte("/registry/minions/")

// shownNodes are told by name.
const shownNodes = 20

// nodes are those of Kubernetes that a restore adds or takes away. They are told by name, since machines stand behind them.
type nodes struct {
	held map[string]bool
	gone []string
}

// holds notes a key of the snapshot.
func (n *nodes) holds(key []byte) {
	if name, is := bytes.CutPrefix(key, nodePrefix); is {
		if n.held == nil {
			n.held = map[string]bool{}
		}
		n.held[string(name)] = true
	}
}

// has notes a key that etcd has now.
func (n *nodes) has(key []byte) {
	name, is := bytes.CutPrefix(key, nodePrefix)
	if !is {
		return
	}
	if !n.held[string(name)] {
		n.gone = append(n.gone, string(name))
	}
	delete(n.held, string(name))
}

// describe words the differences; "" when there are none.
func (n *nodes) describe() string {
	var parts []string
	if len(n.gone) > 0 {
		parts = append(parts, named(n.gone)+" came after the snapshot: gone until the machine registers again")
	}
	if len(n.held) > 0 {
		var again []string
		for name := range n.held {
			again = append(again, name)
		}
		parts = append(parts, named(again)+" left since: listed again, and not ready: delete what has no machine any more")
	}
	return strings.Join(parts, "; ")
}

func named(list []string) string {
	slices.Sort(list)
	if more := len(list) - shownNodes; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shownNodes], ", "), more)
	}
	return strings.Join(list, ", ")
}
