package e2e

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// maskRule replaces one kind of varying text.
type maskRule struct {
	of   *regexp.Regexp
	with string
}

// maskRules in the order in which they are applied: the more exact ones first.
func maskRules() []maskRule {
	rule := func(of, with string) maskRule { return maskRule{regexp.MustCompile(of), with} }
	return []maskRule{
		rule(`/\S*/TestScripts\d+/\d+/pki/`, "PKI/"),
		rule(`\b[0-9a-f]{64}\b`, "SHA256"),
		rule(`\b[0-9a-f]{13,16}\b`, "ID"), // leading zeros are left out
		rule(`\bc-[bcdfghjklmnpqrstvwxz2456789]{8}\b`, "c-MADE"),
		rule(`127\.0\.0\.1:\d{5}\b`, "127.0.0.1:PORT"),
		rule(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "TIME"),
		rule(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`, "TIME"),
		rule(`[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000`, "TIME"),
		rule(`(\.holdfast-restore-\w+-)\d+`, "${1}RANDOM"),
		rule(`-1[0-9]{9}\b`, "-UNIX"),
		rule(`\b\d+(\.\d+)?(ns|µs|ms|s)\b`, "TOOK"),
		rule(`\b(\d+(\.\d+)?) ?([KMGT]iB|B)\b`, "SIZE"),
		rule(`\b((took\w+|size|inUse|\w+Bytes|raftTerm|raft\w*Index)"?): \d+`, "$1: 0"),
		rule(`\b\d+ bytes\b`, "N bytes"),
		rule(`\b(hashKV"?): \d+`, "$1: 0"),
		rule(`(Content hash:\s+)\d+`, "${1}HASH"),
		rule(`(\S)[ \t]{2,}`, "$1  "), // columns are as wide as what varies in them
		rule(`(  SIZE  SIZE  )\d+(  \d+)`, "${1}APPLIED$2"),
		rule(`(?m)[ \t]+$`, ""),
	}
}

// mask replaces what differs from run to run and from machine to machine.
func mask(text, work string) string {
	text = strings.ReplaceAll(text, work, "$WORK")
	if host, err := os.Hostname(); err == nil {
		text = regexp.MustCompile(`((host|claimedBy)"?: "?)`+regexp.QuoteMeta(host)+`\b`).ReplaceAllString(text, "${1}HOST")
	}
	for _, r := range maskRules() {
		text = r.of.ReplaceAllString(text, r.with)
	}
	return text
}

func TestAMaskHidesWhatVariesAndNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"on-demand-n1-1795369868.db":                  "on-demand-n1-UNIX.db",
		`  "size": 20480,`:                            `  "size": 0,`,
		`"revision": 7`:                               `"revision": 7`,
		"http://127.0.0.1:23456":                      "http://127.0.0.1:PORT",
		"a   b":                                       "a  b",
		"took 1.5s, 12 KiB of 3.4 MiB":                "took TOOK, SIZE of SIZE",
		"/tmp/script/repo is at 2026-11-22T01:02:03Z": "$WORK/repo is at TIME",
	} {
		if got := mask(in, "/tmp/script"); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}
