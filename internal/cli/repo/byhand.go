package repo

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// byHandView is the JSON form of holdfast repo show --by-hand.
type byHandView struct {
	Snapshot string   `json:"snapshot"`
	Commands []string `json:"commands"`
}

// byHand prints what restores a snapshot with stock tools (requirement B7): cp or aws, zstd or unzip, sha256sum,
// etcdutl; for k3s' own also k3s.
func byHand(repo *settings.Opened, e *repository.Entry, endpoint string) console.Result {
	h := &hand{entry: e, database: databaseName(e)}
	h.fetch(repo.Store().Location(e.File), endpoint)
	h.unpack()
	h.check()
	h.restore()
	return console.Result{
		Value: byHandView{e.File, h.commands()},
		Names: h.commands(),
		Table: func(w io.Writer) {
			for _, l := range h.lines {
				fmt.Fprintln(w, l)
			}
		},
	}
}

// hand collects commands, and remarks that begin with "#", so that the whole can be pasted into a shell.
type hand struct {
	entry    *repository.Entry
	database string
	lines    []string
}

func (h *hand) add(lines ...string) { h.lines = append(h.lines, lines...) }

func (h *hand) commands() []string {
	var list []string
	for _, l := range h.lines {
		if l != "" && !strings.HasPrefix(l, "#") {
			list = append(list, l)
		}
	}
	return list
}

func databaseName(e *repository.Entry) string {
	stem, _ := snapshot.SplitExtension(e.File)
	return snapshot.SafeName(stem) + ".restore.db"
}

func (h *hand) fetch(location, endpoint string) {
	u, err := url.Parse(location)
	if err == nil && u.Scheme == "file" {
		h.add("# 1. Copy the snapshot to where it will be unpacked.", "cp -- "+quote(u.Path)+" .")
		return
	}
	option := ""
	if endpoint != "" {
		option = " --endpoint-url https://" + endpoint + " # --ca-bundle FILE for a private CA"
	}
	h.add("# 1. Fetch the snapshot (keys from the environment or ~/.aws; any S3 client will do).",
		"aws s3 cp "+quote(location)+" ."+option)
}

func (h *hand) unpack() {
	file := quote(h.entry.File)
	if m := h.entry.Manifest; m != nil {
		h.add("# 2. Compare its hash.", fmt.Sprintf("echo '%s  %s' | sha256sum -c", m.Stored.SHA256, h.entry.File))
	}
	h.add("# 3. Unpack it.")
	switch h.entry.Encoding {
	case snapshot.EncodingZstd:
		h.add("zstd -d " + file + " -o " + quote(h.database))
	case snapshot.EncodingZip:
		h.add("unzip -p " + file + " > " + quote(h.database))
	case snapshot.EncodingRKE:
		h.add("unzip -p "+file+" '*backup/*' > "+quote(h.database),
			"# The cluster's state (certificates and keys) is in the same archive: unzip -p "+file+" '*.rkestate'")
	default:
		h.add("cp -- " + file + " " + quote(h.database))
	}
}

func (h *hand) check() {
	h.add("# 4. Look at it: revision and number of keys.", "etcdutl snapshot status "+quote(h.database)+" -w table")
	if m := h.entry.Manifest; m != nil {
		h.add(fmt.Sprintf("# The manifest says: revision %d, %d keys, %d bytes.", m.Database.Revision, m.Database.Keys, m.Database.Size))
	}
}

func (h *hand) restore() {
	if h.entry.Maker == repository.MakerK3s {
		h.add("# 5. On a k3s or rke2 server, with the service stopped on all servers:",
			"k3s server --cluster-reset --cluster-reset-restore-path=\"$PWD/"+h.database+"\" --etcd-s3=false",
			"# then start the service here, and on each other server remove server/db/etcd and start it.",
			"# Without k3s, into a plain etcd:")
	} else {
		h.add("# 5. Restore, on each member with its own command; then start them all.")
	}
	h.add(h.members()...)
}

func (h *hand) members() []string {
	voters := h.voters()
	if len(voters) == 0 {
		return []string{"etcdutl snapshot restore " + quote(h.database) + " --data-dir restored.etcd"}
	}
	var all, commands []string
	for _, member := range voters {
		for _, u := range member.PeerURLs {
			all = append(all, member.Name+"="+u)
		}
	}
	for _, member := range voters {
		commands = append(commands, fmt.Sprintf("etcdutl snapshot restore %s --data-dir %s --name %s --initial-cluster %s --initial-advertise-peer-urls %s",
			quote(h.database), quote(member.Name+".etcd"), quote(member.Name), quote(strings.Join(all, ",")), quote(strings.Join(member.PeerURLs, ","))))
	}
	return commands
}

// voters are the members that the restored cluster begins with. A learner would come back as a member with a vote, and
// one that never started has no name; both can be added later.
func (h *hand) voters() []snapshot.Member {
	if h.entry.Manifest == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(h.entry.Manifest.Source.Members), func(m snapshot.Member) bool {
		return m.Learner || m.Name == ""
	})
}

// quote makes one word for a POSIX shell.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/:=,@%+", r)
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
