package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"strings"
	"time"
)

// RKEName is the name of a snapshot of an RKE cluster: <cluster id>-<r or m><l or s>-<5 characters> (requirement N1).
type RKEName struct {
	ClusterID string
	// Recurring: "r", otherwise "m" for manual.
	Recurring bool
	// S3: "s", otherwise "l" for local.
	S3 bool
	// Slot is the instant that the schedule names, or that the request for a manual one carries. All etcd nodes work
	// with the same slot, so that they agree on the name without asking a manager.
	Slot time.Time
}

// The characters of Kubernetes' random suffixes: no vowels, no look-alikes.
const suffixAlphabet = "bcdfghjklmnpqrstvwxz2456789"

// String returns the name without time stamp and extension. Its suffix is derived from cluster id and slot, and so is
// the same on every node.
func (n RKEName) String() string {
	kind := []byte("ml")
	if n.Recurring {
		kind[0] = 'r'
	}
	if n.S3 {
		kind[1] = 's'
	}
	return n.ClusterID + "-" + string(kind) + "-" + n.suffix()
}

func (n RKEName) suffix() string {
	sum := sha256.Sum256([]byte(n.ClusterID + "\n" + n.Slot.UTC().Format(time.RFC3339)))
	number := binary.BigEndian.Uint64(sum[:])
	suffix := make([]byte, 5)
	for i := range suffix {
		suffix[i] = suffixAlphabet[number%uint64(len(suffixAlphabet))]
		number /= uint64(len(suffixAlphabet))
	}
	return string(suffix)
}

// File returns the file name: the name, "_", the slot in RFC 3339 and ".zip"; safe replaces what some S3 back ends
// refuse (requirement N4).
func (n RKEName) File(safe bool) string {
	file := n.String() + "_" + n.Slot.UTC().Format(time.RFC3339) + ".zip"
	if safe {
		return SafeName(file)
	}
	return file
}

var (
	rkeNamed   = regexp.MustCompile(`^(.+)-([rm])([ls])-([a-z0-9]{5})_(.+)$`)
	rkeOneTime = regexp.MustCompile(`^rke_etcd_snapshot_(.+)$`)
	rkeRolling = regexp.MustCompile(`^(.+)_etcd$`)
)

// RKEFile is what the name of a file left by RKE or by Rancher tells.
type RKEFile struct {
	// ClusterID is empty for what the RKE command line wrote.
	ClusterID string
	Recurring bool
	S3        bool
	// Suffix is the five characters, "" for what the RKE command line wrote.
	Suffix string
	Time   time.Time
}

// ParseRKEFile recognises the names that RKE's command line, its rolling container and Rancher give to their
// snapshots, with and without a safe time stamp.
func ParseRKEFile(file string) (RKEFile, bool) {
	stem := strings.TrimSuffix(file, ".zip") // early versions of RKE did not pack
	if m := rkeNamed.FindStringSubmatch(stem); m != nil {
		at, ok := parseStamp(m[5])
		return RKEFile{ClusterID: m[1], Recurring: m[2] == "r", S3: m[3] == "s", Suffix: m[4], Time: at}, ok
	}
	for _, form := range []*regexp.Regexp{rkeOneTime, rkeRolling} {
		if m := form.FindStringSubmatch(stem); m != nil {
			at, ok := parseStamp(m[1])
			return RKEFile{Recurring: form == rkeRolling, Time: at}, ok
		}
	}
	return RKEFile{}, false
}

// Both characters that RFC 3339 has and a safe name has not become "-": the colons and a "+" of the zone.
var safeStamp = regexp.MustCompile(`^(\d{4}-\d\d-\d\dT\d\d)[:-](\d\d)[:-](\d\d)(Z|[+-]\d\d[:-]?\d\d)$`)

func parseStamp(s string) (time.Time, bool) {
	m := safeStamp.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	zone := m[4]
	if len(zone) == len("+00-00") {
		zone = zone[:3] + ":" + zone[4:]
	}
	at, err := time.Parse(time.RFC3339, m[1]+":"+m[2]+":"+m[3]+zone)
	return at.UTC(), err == nil
}
