package k3s

import (
	"context"
	"path/filepath"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

// Belongings implements distro.Driver.
//
// Moved away, on servers:
//
//	server/db/etcd         the data. Also what keeps the old member from coming up: without it the server joins anew.
//	                       Servers with etcd alone.
//	server/db/reset-flag   a reset leaves it, and only a node with a kubelet removes it. Servers with etcd alone.
//	server/tls, cred       certificates, keys, passwords: what a reset makes of the snapshot's is older than what lies there,
//	                       and a server whose files are newer than the datastore does not start.
//
// Copied, because something else has to find them meanwhile:
//
//	server/token, agent-token   a reset writes the token that it was given, even a wrong one, before it tries it.
//	server/manifests            another version writes its own over them at its first start. Servers alone.
//	config.yaml, config.yaml.d  Point and Configure change them.
//	a drop-in of the unit       Point replaces the command line where that names a server.
//	the program, the scripts    Install replaces them, unless a package manager has brought them.
//	what is staged              Install and Configure put what is new beside what it replaces: a death may leave it there.
//
// Left alone:
//
//	the unit, its environment   Install leaves them as they are.
//	server/db as a whole        it holds the snapshots.
//	data/, and rke2's bin/      programs that lie in directories named after their content. The program lays them down, and
//	                            leads its links to its own at each start: the old one finds its own again.
//	agent/images                archives have the version in their names. Nothing that is there is replaced.
//	agent/pod-manifests         a server of rke2 writes those of its static pods at each start, and Stop removes them. The
//	                            others there are the administrator's.
//	agent/, containerd's        what pods left; the kubelet makes of it what the cluster says.
//
// A machine that joins nobody's etcd and serves no API, a worker, has its configuration and its program and no more.
func (d *Driver) Belongings(ctx context.Context) ([]distro.Belonging, error) {
	n, err := d.look(ctx)
	if err != nil {
		return nil, err
	}
	return n.belongings()
}

func (n *node) belongings() ([]distro.Belonging, error) {
	var moved, copied []string
	if n.runsEtcd() {
		moved = append(moved, n.etcdDir(), n.resetFlag())
	}
	if n.server() {
		moved = append(moved, n.serverDir("tls"), n.serverDir("cred"))
		copied = append(copied, n.serverDir("token"), n.serverDir("agent-token"), n.serverDir("manifests"))
	}
	copied = append(copied, n.configFile(), n.configFile()+staged, n.configFile()+".d", n.unit.OverridePath())
	if n.packaged() == nil {
		copied = append(copied, n.program(), n.programFile()+staged)
		for _, script := range n.scripts() {
			path := filepath.Join(filepath.Dir(n.program()), script)
			copied = append(copied, path, path+staged)
		}
	}
	var all []distro.Belonging
	for _, path := range moved {
		if err := n.movable(path); err != nil {
			return nil, err
		}
		all = append(all, distro.Belonging{Path: path})
	}
	for _, path := range copied {
		all = append(all, distro.Belonging{Path: path, Copy: true})
	}
	return all, nil
}

// resetFlag is what a reset leaves, long before it has succeeded.
func (n *node) resetFlag() string { return n.serverDir("db", "reset-flag") }

// at is a path of the machine in the file system that is looked at.
func (n *node) at(path ...string) string {
	return filepath.Join(append([]string{n.root}, path...)...)
}
