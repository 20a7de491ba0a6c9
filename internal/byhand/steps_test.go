package byhand

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
)

func handOf(location string, encoding snapshot.Encoding, manifest bool, s3 S3) *hand {
	e := &repository.Entry{File: "a-n-1652288934.db", Encoding: encoding, Maker: repository.MakerHoldfast}
	h := &hand{entry: e, database: databaseName(e)}
	if manifest {
		e.Manifest = &snapshot.Manifest{Stored: snapshot.Stored{SHA256: "5a"}}
		h.sha256 = "5a"
	}
	h.fetch(location, s3)
	h.compare()
	h.unpack()
	h.look()
	h.restore()
	return h
}

// commandsOf a hand: its lines without the remarks.
func commandsOf(h *hand) []string { return Page{Lines: h.lines}.Commands() }

func TestStepsByHandAreNumberedWithoutGapsAndCopyOnce(t *testing.T) {
	for _, c := range []struct {
		location string
		encoding snapshot.Encoding
		manifest bool
		programs []string
	}{
		{"file:///r/a", snapshot.EncodingRaw, true, []string{"cp", "echo", "etcdutl", "etcdutl"}},
		{"file:///r/a", snapshot.EncodingRaw, false, []string{"cp", "etcdutl", "etcdutl"}},
		{"file:///r/a", snapshot.EncodingZstd, true, []string{"echo", "zstd", "etcdutl", "etcdutl"}},
		{"file:///r/a", snapshot.EncodingRKE, false, []string{"unzip", "etcdutl", "etcdutl"}},
		{"s3://b/r/a", snapshot.EncodingRaw, true, []string{"aws", "echo", "etcdutl", "etcdutl"}},
		{"s3://b/r/a", snapshot.EncodingZip, false, []string{"aws", "unzip", "etcdutl", "etcdutl"}},
	} {
		h := handOf(c.location, c.encoding, c.manifest, S3{})
		var programs []string
		for _, command := range commandsOf(h) {
			programs = append(programs, strings.Fields(command)[0])
		}
		if diff := cmp.Diff(c.programs, programs); diff != "" {
			t.Errorf("%+v: %s", c, diff)
		}
		step := 0
		for _, line := range h.lines {
			if strings.HasPrefix(line, "# ") && line[2] >= '0' && line[2] <= '9' {
				if step++; !strings.HasPrefix(line, fmt.Sprintf("# %d. ", step)) {
					t.Errorf("%+v: step %d is %q", c, step, line)
				}
			}
		}
		if step != len(c.programs) {
			t.Errorf("%+v: %d steps", c, step)
		}
	}
}

func TestWhatFetchesByHandReachesTheSameServer(t *testing.T) {
	for want, s3 := range map[string]S3{
		"": {},
		" --endpoint-url https://minio:9000 --region r --ca-bundle '/my ca.pem'": {Endpoint: "minio:9000", Region: "r", CAFile: "/my ca.pem"},
		" --endpoint-url http://minio:9000":                                      {Endpoint: "minio:9000", Insecure: true},
		" --endpoint-url https://minio --no-verify-ssl":                          {Endpoint: "minio", SkipTLSVerify: true},
	} {
		if got, _ := strings.CutPrefix(commandsOf(handOf("s3://b/a", snapshot.EncodingZstd, false, s3))[0], "aws s3 cp s3://b/a ./a-n-1652288934.db"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
