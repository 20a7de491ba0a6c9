package etcd

import (
	"cmp"
	"os/user"
	"strconv"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

// ownerOf finds a user and a group as systemd does, by name or number. It is nil for root, and for a user that only
// exists while the unit runs.
func ownerOf(name, group string) *distro.Owner {
	if name == "" {
		return nil
	}
	found, err := user.Lookup(name)
	if err != nil {
		if found, err = user.LookupId(name); err != nil {
			return nil
		}
	}
	own := cmp.Or(group, found.Gid)
	if g, err := user.LookupGroup(own); err == nil {
		own = g.Gid
	}
	uid, uidErr := strconv.Atoi(found.Uid)
	gid, gidErr := strconv.Atoi(own)
	if uidErr != nil || gidErr != nil {
		return nil
	}
	return &distro.Owner{UID: uid, GID: gid}
}
