// Package datadir says where the manager's etcd is reached in its data directory, and which directories will not do. It is
// what the control plane, which starts that etcd, and the backup, which dials it, have to agree on. It makes nothing and
// knows nothing of either.
package datadir

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// longestSocket in bytes: the kernel's limit, less the zero at the end.
const longestSocket = len(unix.RawSockaddrUnix{}.Path) - 1

// Socket of etcd's clients. etcd wants a port in each address, which becomes part of the file's name.
func Socket(dir string) string { return filepath.Join(dir, "etcd.sock") + ":0" }

// PeerSocket of etcd, which nobody dials.
func PeerSocket(dir string) string { return filepath.Join(dir, "etcd.sock.peer") + ":0" }

// Check refuses a directory whose path is too long for the sockets in it. Whoever makes something there asks first: the
// kernel's own word, an invalid argument, comes late and says nothing.
func Check(dir string) error {
	room := longestSocket - len(PeerSocket("/dir")) + len("/dir")
	if len(filepath.Clean(dir)) <= room {
		return nil
	}
	return &problem.Error{
		Kind: problem.Refused, Op: "use the data directory", Subject: dir,
		Why:  fmt.Sprintf("its path has %d bytes, and with more than %d the sockets in it can't be made", len(dir), room),
		Next: "give a --data-dir with a shorter path; nothing was made",
	}
}
