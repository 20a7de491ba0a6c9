package etcd

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/internal/distro"
)

func TestAUserIsFoundByNameOrNumber(t *testing.T) {
	root, other := &distro.Owner{}, &distro.Owner{GID: 12345}
	for _, tt := range []struct {
		user, group string
		want        *distro.Owner
	}{
		{"", "", nil},
		{"", "root", nil},
		{"root", "", root},
		{"0", "", root},
		{"root", "root", root},
		{"root", "12345", other},
		{"no-such-user", "", nil},
		{"root", "no-such-group", nil},
	} {
		if diff := cmp.Diff(tt.want, ownerOf(tt.user, tt.group)); diff != "" {
			t.Errorf("%q, %q: %s", tt.user, tt.group, diff)
		}
	}
}
