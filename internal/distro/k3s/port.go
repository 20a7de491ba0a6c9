package k3s

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// etcdPorts are those of etcd: clients, peers, metrics, and clients over plain HTTPS. Nothing changes them.
var etcdPorts = []int{2379, 2380, 2381, 2382}

// ports are those that nobody may listen on when the distribution is stopped: whoever does would either be a part of it
// that was left, or keep it from starting. What listens on a usual one that is not this server's may be somebody else's: a
// balancer. A worker has none that matter.
func (n *node) ports() []int {
	if !n.server() {
		return nil
	}
	var all []int
	if n.runsEtcd() {
		all = slices.Clone(etcdPorts)
	}
	for _, port := range []string{n.supervisorPort(), n.apiPort()} {
		if number, err := strconv.Atoi(port); err == nil && !slices.Contains(all, number) {
			all = append(all, number)
		}
	}
	return all
}

func (n *node) apiPort() string {
	if n.flavour.APIFlag == "" {
		return n.flavour.API
	}
	return n.config.String(n.flavour.APIFlag, n.flavour.API)
}

// listener is a socket on a port that should be free.
type listener struct {
	port  int
	inode string
}

// listeners are the sockets on some ports, on whatever address.
func (n *node) listeners(ports []int) ([]listener, error) {
	var all []listener
	for _, table := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		found, err := readListeners(filepath.Join(n.root, table), ports)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // there may be no IPv6
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// readListeners reads one of the kernel's tables: "sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode".
func readListeners(path string, ports []int) ([]listener, error) {
	const listening = "0A"
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var found []listener
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		_, hex, _ := strings.Cut(fields[1], ":")
		port, err := strconv.ParseInt(hex, 16, 32)
		if err == nil && slices.Contains(ports, int(port)) {
			found = append(found, listener{port: int(port), inode: fields[9]})
		}
	}
	return found, lines.Err()
}

// holder is the process that a socket belongs to; "" when it can't be found out.
func (n *node) holder(l listener) string {
	all, err := processes(filepath.Join(n.root, "proc"))
	if err != nil {
		return ""
	}
	for _, p := range all {
		dir := filepath.Join(n.root, "proc", strconv.Itoa(p.pid), "fd")
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if to, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil && to == "socket:["+l.inode+"]" {
				return p.String()
			}
		}
	}
	return ""
}
