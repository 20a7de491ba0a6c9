package snapshot

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Base names that mean something (requirements N2, C5, S6).
const (
	NameRecurring = "etcd-snapshot"
	NameManual    = "on-demand"
	NamePreChange = "pre-change"
	NameSafety    = "safety"
)

// Name is a snapshot's file name in the manner of k3s and rke2, without an extension: <base>-<node>-<unix seconds>
// (requirement N2).
type Name struct {
	Base string
	Node string
	Time time.Time
}

// String returns the stem of the file name.
func (n Name) String() string {
	return n.Base + "-" + n.Node + "-" + strconv.FormatInt(n.Time.Unix(), 10)
}

// extensions that a stem may carry, longest first.
var extensions = []string{".db.zst", ".zip", ".db"}

// SplitExtension parts a file name into stem and extension; the extension is "" for k3s' raw files.
func SplitExtension(file string) (stem, extension string) {
	for _, e := range extensions {
		if s, ok := strings.CutSuffix(file, e); ok && s != "" {
			return s, e
		}
	}
	return file, ""
}

// Seconds since 1970 of the years 2001 to 2286, so that a date like 20260102 is not taken for one.
var unixSuffix = regexp.MustCompile(`^(.+)-([1-9][0-9]{9})$`)

// ParseStem splits a stem into what stands before the time, and the time. Base and node cannot be told apart without
// knowing one of them, since both may hold "-": see Name.Match and SplitNode.
func ParseStem(stem string) (prefix string, at time.Time, ok bool) {
	m := unixSuffix.FindStringSubmatch(stem)
	if m == nil {
		return "", time.Time{}, false
	}
	seconds, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		return "", time.Time{}, false
	}
	return m[1], time.Unix(seconds, 0).UTC(), true
}

// Match reports whether a file is a snapshot of exactly this base name and node, and of when. This is what retention
// goes by: "etcd" must not match "etcd2-node1-…", nor node "a" the files of node "b-a".
func Match(file, base, node string) (time.Time, bool) {
	stem, _ := SplitExtension(file)
	prefix, at, ok := ParseStem(stem)
	return at, ok && prefix == base+"-"+node
}

// SplitNode parts the prefix of a stem into base name and node when the base is one of the well-known names; otherwise
// it returns the whole prefix as the base. For foreign files, whose node stands nowhere else.
func SplitNode(prefix string) (base, node string) {
	for _, known := range []string{NameRecurring, NameManual, NamePreChange, NameSafety} {
		if n, ok := strings.CutPrefix(prefix, known+"-"); ok && n != "" {
			return known, n
		}
	}
	return prefix, ""
}

var validName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?$`)

// CheckName says what is wrong with a base name or a node name that would become part of a file name.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("%q is not a valid name: use letters, digits, '.', '_' and '-', at most 100, "+
			"beginning and ending with a letter or digit", name)
	}
	return nil
}

// CleanNode makes a valid node name of a host name.
func CleanNode(host string) string {
	clean := strings.Trim(SafeName(host), "._-")
	if len(clean) > 100 {
		clean = strings.TrimRight(clean[:100], "._-")
	}
	if clean == "" {
		return "node"
	}
	return clean
}

// SafeName replaces every character outside [A-Za-z0-9._-] by "-": requirement N4, for S3 back ends that refuse ":".
func SafeName(file string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
			return r
		}
		return '-'
	}, file)
}
