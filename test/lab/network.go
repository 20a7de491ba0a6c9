package lab

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Host is the host's name, on machines and in Partition.
const Host = "host"

// connect lays the machine's cable: from the bridge to host0 in its network namespace. Namespace and address are the
// lab's, so that they outlive a boot.
func (n *Node) connect(ctx context.Context) error {
	for _, args := range [][]string{
		{"netns", "add", n.id},
		{"link", "add", n.cable, "type", "veth", "peer", "name", "host0", "netns", n.id},
		{"link", "set", n.cable, "master", n.lab.id, "up"},
		{"-n", n.id, "link", "set", "lo", "up"},
		{"-n", n.id, "address", "add", n.Address + "/24", "dev", "host0"},
		{"-n", n.id, "link", "set", "host0", "up"},
		{"-n", n.id, "route", "add", "default", "via", n.lab.HostAddress},
	} {
		if err := command(ctx, "ip", args...); err != nil {
			return err
		}
	}
	return nil
}

// disconnect removes the cable and the namespace. What is not there is fine. The kernel takes its time with a namespace
// and what is in it, and meanwhile nobody else could have a cable of that name: so the cable goes first.
func (n *Node) disconnect(ctx context.Context) error {
	if err := command(ctx, "ip", "link", "delete", n.cable); err != nil && !strings.Contains(err.Error(), "Cannot find device") {
		return err
	}
	if _, err := os.Stat("/run/netns/" + n.id); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return command(ctx, "ip", "netns", "delete", n.id)
}

// CutNetwork pulls the machine's cable. It keeps its address; what is sent is lost without a word.
func (n *Node) CutNetwork(ctx context.Context) error {
	return command(ctx, "ip", "link", "set", n.cable, "down")
}

// Heal plugs the machine's cable in again.
func (n *Node) Heal(ctx context.Context) error {
	return command(ctx, "ip", "link", "set", n.cable, "up")
}

// Partition splits the network: what is sent from one group to another is lost without a word. A group names machines,
// or Host. Who is in no group reaches everybody. It takes the place of an earlier partition.
func (l *Lab) Partition(ctx context.Context, groups ...[]string) error {
	cables := map[string]string{Host: ""}
	for _, n := range l.Nodes {
		cables[n.Name] = n.cable
	}
	for _, name := range slices.Concat(groups...) {
		if _, ok := cables[name]; !ok {
			return fmt.Errorf("partition: there is no machine %s", name)
		}
	}
	return feed(ctx, ruleset(l.id, cables, groups), "nft", "-f", "-")
}

// Unpartition ends a partition. None is fine.
func (l *Lab) Unpartition(ctx context.Context) error {
	return feed(ctx, forget(l.id), "nft", "-f", "-")
}

// forget removes a table, whether it is there or not.
func forget(table string) string {
	return fmt.Sprintf("table bridge %[1]s\ndelete table bridge %[1]s\n", table)
}

// ruleset is the partition in nft's language, as one transaction. Between machines a bridge forwards; what goes to the
// host itself, which has no cable, passes other hooks.
func ruleset(table string, cables map[string]string, groups [][]string) string {
	var forward, input, output []string
	for i, from := range groups {
		for _, to := range slices.Concat(slices.Delete(slices.Clone(groups), i, i+1)...) {
			for _, name := range from {
				a, b := cables[name], cables[to]
				switch {
				case name == Host:
					output = append(output, fmt.Sprintf("oifname %q drop", b))
				case to == Host:
					input = append(input, fmt.Sprintf("iifname %q drop", a))
				default:
					forward = append(forward, fmt.Sprintf("iifname %q oifname %q drop", a, b))
				}
			}
		}
	}
	var b strings.Builder
	b.WriteString(forget(table))
	fmt.Fprintf(&b, "table bridge %s {\n", table)
	for _, chain := range []struct {
		hook  string
		rules []string
	}{{"forward", forward}, {"input", input}, {"output", output}} {
		fmt.Fprintf(&b, "chain %[1]s { type filter hook %[1]s priority 0; policy accept;\n", chain.hook)
		for _, rule := range chain.rules {
			b.WriteString(rule + "\n")
		}
		b.WriteString("}\n")
	}
	b.WriteString("}\n")
	return b.String()
}
