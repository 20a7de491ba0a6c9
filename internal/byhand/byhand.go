// Package byhand says how a snapshot is restored with stock tools alone (requirement B7): cp or aws, zstd or unzip,
// sha256sum, etcdutl; for k3s' own also k3s. Whoever has lost Holdfast too needs no more than that.
//
// There is one text for all who show it: the CLI, with a manager and without, and the manager's web page. The package opens
// nothing and asks nobody. Start reading at [Of].
package byhand

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

// Copy of a snapshot that somebody wants to restore by hand.
type Copy struct {
	// Entry says file, encoding and maker.
	Entry *repository.Entry
	// Location is its URL, and S3 how to reach it there.
	Location string
	S3       S3
	// SHA256 of the file; empty when nobody knows it.
	SHA256 string
	// Members that the restored cluster begins with.
	Members []snapshot.Member
	// Program of the distribution that resets a server: k3s or rke2. It counts for what they made alone. Default: k3s.
	Program string
}

// S3 is how a bucket is reached.
type S3 struct {
	// Endpoint is host[:port]; empty is Amazon's.
	Endpoint, Region string
	// CAFile is a file with the CA that signed the endpoint's certificate.
	CAFile string
	// Insecure is plain HTTP; SkipTLSVerify accepts any certificate.
	Insecure, SkipTLSVerify bool
}

// Page is what restores one snapshot.
type Page struct {
	// Snapshot is the file's name.
	Snapshot string
	// Machine that the file lies on, where the commands are run; empty for one in S3 or nobody knows where.
	Machine string
	// Lines of commands, and of remarks that begin with "#", so that the whole can be pasted into a shell.
	Lines []string
}

// Commands without the remarks.
func (p Page) Commands() []string {
	return slices.DeleteFunc(slices.Clone(p.Lines), func(l string) bool { return l == "" || strings.HasPrefix(l, "#") })
}

// Text to read and to paste.
func (p Page) Text() string {
	text := strings.Join(p.Lines, "\n") + "\n"
	if p.Machine != "" {
		text = "# On machine " + p.Machine + ":\n" + text
	}
	return text
}

// Of says what restores a copy.
func Of(c Copy) Page {
	e := c.Entry
	h := &hand{entry: e, database: databaseName(e), sha256: c.SHA256, known: c.Members, program: cmp.Or(c.Program, "k3s")}
	h.fetch(c.Location, c.S3)
	h.compare()
	h.unpack()
	h.look()
	h.restore()
	return Page{Snapshot: e.File, Lines: h.lines}
}

// hand collects the lines of a page.
type hand struct {
	entry *repository.Entry
	// file is where the snapshot lies once it can be worked on, database where its database will.
	file, database string
	sha256         string
	known          []snapshot.Member
	program        string
	lines          []string
	steps          int
}

func (h *hand) add(lines ...string) { h.lines = append(h.lines, lines...) }

// step adds a numbered remark and what belongs to it.
func (h *hand) step(remark string, lines ...string) {
	h.steps++
	h.add(fmt.Sprintf("# %d. %s", h.steps, remark))
	h.add(lines...)
}

func databaseName(e *repository.Entry) string {
	stem, _ := snapshot.SplitExtension(e.File)
	return strings.TrimLeft(snapshot.SafeName(stem), "-") + ".restore.db" // no program may take it for an option
}

// raw: the file is the database, so a copy of it is all that is needed.
func (h *hand) raw() bool { return h.entry.Encoding == snapshot.EncodingRaw }

// fetch copies a raw snapshot to where it will be worked on, because nothing should open the only copy. One that has to
// be unpacked is unpacked from where it lies, if that is a directory.
func (h *hand) fetch(location string, s3 S3) {
	u, err := url.Parse(location)
	local := err == nil && u.Scheme == "file"
	switch {
	case local && !h.raw():
		h.file = u.Path
	case local:
		h.file = h.database
		h.step("Copy the snapshot: nothing should work on the only one.", "cp -- "+quote(u.Path)+" "+quote(h.file))
	default:
		h.file = h.entry.File
		if h.raw() {
			h.file = h.database
		}
		source := location
		if err == nil {
			source = "s3://" + u.Host + u.Path // what the AWS command line takes is no URL: it decodes nothing
		}
		h.step("Fetch the snapshot (keys from the environment or ~/.aws; any S3 client will do).",
			"aws s3 cp "+quote(source)+" "+quote("./"+h.file)+s3Options(s3))
	}
}

// s3Options are those of the AWS command line.
func s3Options(s S3) string {
	options := ""
	if s.Endpoint != "" {
		scheme := "https://"
		if s.Insecure {
			scheme = "http://"
		}
		options += " --endpoint-url " + quote(scheme+s.Endpoint)
	}
	if s.Region != "" {
		options += " --region " + quote(s.Region)
	}
	if s.CAFile != "" {
		options += " --ca-bundle " + quote(s.CAFile)
	}
	if s.SkipTLSVerify {
		options += " --no-verify-ssl"
	}
	return options
}

func (h *hand) compare() {
	if h.sha256 != "" {
		h.step("Compare its hash.", "echo "+quote(h.sha256+"  "+h.file)+" | sha256sum -c")
	}
}

func (h *hand) unpack() {
	file, database := quote(h.file), quote(h.database)
	switch h.entry.Encoding {
	case snapshot.EncodingZstd:
		h.step("Unpack it.", "zstd -d "+file+" -o "+database)
	case snapshot.EncodingZip:
		h.step("Unpack it.", "unzip -p "+file+" > "+database)
	case snapshot.EncodingRKE:
		h.step("Unpack it.", "unzip -p "+file+" '*backup/*' > "+database,
			"# The cluster's state (certificates and keys) is in the same archive: unzip -p "+file+" '*.rkestate'")
	}
}

func (h *hand) look() {
	h.step("Look at it: revision and number of keys.", "etcdutl snapshot status "+quote(h.database)+" -w table")
	if m := h.entry.Manifest; m != nil {
		h.add(fmt.Sprintf("# The manifest says: revision %d, %d keys, %d bytes.", m.Database.Revision, m.Database.Keys, m.Database.Size))
	}
}

func (h *hand) restore() {
	if h.entry.Maker == repository.MakerK3s {
		h.step("On a k3s or rke2 server, with the service stopped on all servers:",
			h.program+" server --cluster-reset --cluster-reset-restore-path=\"$PWD/"+h.database+"\" --etcd-s3=false",
			"# then start the service here, and on each other server remove server/db/etcd and start it.",
			"# Without "+h.program+", into a plain etcd:")
	} else {
		h.step("Restore, on each member with its own command; then start them all.")
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
	return slices.DeleteFunc(slices.Clone(h.known), func(m snapshot.Member) bool {
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
