package e2e

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"

	"github.com/holdfast-dev/holdfast/test/server"
	"github.com/holdfast-dev/holdfast/test/server/servertest"
)

// Each request of a command goes wrong once, and the command does not mind.
func TestACommandGetsOverATroubleAtEachOfItsStages(t *testing.T) {
	t.Parallel()
	troubles := []s3Trouble{lost, refused}
	if soak() {
		troubles = append(troubles, reset, resetHalf, cutOff, closedHalf, halved, misnamed, busyPage)
	}
	servers := map[string]func() *server.S3{"MinIO": func() *server.S3 { return servertest.MinIO(t, server.S3Config{}).S3 }}
	if soak() {
		servers["versitygw"] = func() *server.S3 { return servertest.VersityGW(t, server.S3Config{}).S3 }
	}
	for name, start := range servers {
		n := newNetwork(t, start())
		for _, e := range errands() {
			for _, trouble := range troubles {
				t.Run(fmt.Sprintf("%s/%s/%s", name, e.name, trouble), func(t *testing.T) {
					t.Parallel()
					only(t, "network stages")
					getsOver(t, begin(t, n, e, onceEach(trouble)))
				})
			}
		}
	}
}

// getsOver wants an attempt to succeed in spite of its trouble.
func getsOver(t *testing.T, a *attempt) {
	t.Helper()
	o := a.end(t)
	if o.code != 0 {
		t.Error(o)
	}
	a.after(o)
}

// staying is a trouble that does not go away, and what a command says of it.
type staying struct {
	errand, stage string
	trouble       s3Trouble
	code          int
	says          string
}

// What stays is told, with its cause and with what to do, and does no harm.
func TestATroubleThatStaysIsTold(t *testing.T) {
	t.Parallel()
	const (
		silent      = "the repository does not answer"
		busy        = "the repository is too busy, or has trouble of its own"
		stray       = "what answers there is no S3 server, or something on the way answers in its place"
		vanished    = busy + ": it acknowledged the object and does not have it"
		misanswered = stray + ": the server does not keep to the protocol: it answered a range with"
	)
	cases := []staying{
		{"save", "get owner", loginPage, 6, stray + ": it answers with a web page (200 OK)"},
		{"save", "create payload", elsewhere, 6, stray + ": it redirects to 127.0.0.1:1 (307 Temporary Redirect)"},
		{"save", "part 2 payload", elsewhere, 6, stray},
		{"save", "part 2 payload", phantom, 1, "the repository refused what it was asked for: One or more of the specified parts could not be found"},
		{"save", "complete payload", gonePage, 6, stray},
		{"save", "put owner", phantom, 6, vanished},
		{"save", "complete payload", phantom, 6, vanished},
		{"save", "put manifest", phantom, 6, vanished},
		{"save proved", "put payload", phantom, 6, vanished},
		{"save proved", "get payload", reset, 6, "the trial restore did not come about"},
		{"restore", "get payload", halved, 6, silent + ": unexpected EOF"},
		{"restore", "get payload", unranged, 6, misanswered},
		{"restore", "get payload", shortened, 6, misanswered},
		{"restore", "get payload", padded, 4, "the snapshot is damaged"},
		{"restore", "get payload", elsewhere, 6, stray},
		{"restore", "head payload", gonePage, 6, stray},
		{"restore", "get manifest", shortened, 4, "the manifest is damaged"},
		{"verify", "get payload", loginPage, 6, stray},
		{"prune", "get owner", gonePage, 6, stray},
		{"prune", "delete payload", refused, 6, busy + ": Reduce your request rate"},
		{"list", "list", loginPage, 6, stray},
		{"list", "head payload", gonePage, 6, stray},
		{"list", "get manifest", gonePage, 6, stray},
	}
	if soak() {
		cases = append(cases, []staying{ // each takes as long as the program is patient
			{"save", "get owner", reset, 6, silent},
			{"save", "list", hangs, 6, silent},
			{"save", "head payload", refused, 6, busy},
			{"save", "put owner", hangsHalf, 6, silent},
			{"save", "create payload", hangs, 6, silent},
			{"save", "part 2 payload", resetHalf, 6, silent},
			{"save", "part 2 payload", hangsHalf, 6, silent},
			{"save", "complete payload", hangs, 6, silent},
			{"save", "complete payload", lateError, 6, busy},
			{"save", "put manifest", reset, 6, silent},
			{"save", "put manifest", hangsHalf, 6, silent},
			{"save proved", "get payload", hangs, 6, "the trial restore did not come about"},
			{"restore", "get payload", reset, 6, silent},
			{"restore", "get payload", hangs, 6, silent},
			{"restore", "get payload", busyPage, 6, busy},
			{"verify", "get payload", hangs, 6, silent},
			{"verify", "list", answerHang, 6, silent},
			{"prune", "list", halved, 6, silent},
			{"prune", "delete payload", hangs, 6, silent},
			{"list", "list", reset, 6, silent},
			{"list", "get manifest", hangs, 6, silent},
		}...)
	}
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	all := make([]*attempt, len(cases))
	for i, c := range cases { // they mostly wait, so they wait together
		all[i] = begin(t, n, errandOf(t, c.errand), always(c.stage, c.trouble))
	}
	for i, c := range cases {
		t.Run(fmt.Sprintf("%s/%s/%s", c.errand, c.stage, c.trouble), func(t *testing.T) {
			only(t, "network lasting")
			o := all[i].end(t)
			checkFails(t, o, c.code, c.says)
			all[i].after(o)
		})
	}
}

// What is odd once is got over where it can be seen to be odd.
func TestAnOddAnswerIsGotOver(t *testing.T) {
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	for _, c := range []struct {
		errand, stage string
		trouble       s3Trouble
	}{
		{"save", "complete payload", lateError},
		{"save", "complete payload", misnamed},
		{"save", "put manifest", misnamed},
		{"save", "another part payload", lateError},
		{"verify", "get payload", padded},
		{"prune", "delete payload", misnamed},
	} {
		t.Run(fmt.Sprintf("%s/%s/%s", c.errand, c.stage, c.trouble), func(t *testing.T) {
			t.Parallel()
			only(t, "network odd")
			getsOver(t, begin(t, n, errandOf(t, c.errand), firstly(c.stage, c.trouble)))
		})
	}
}

func TestASnapshotThatIsReplacedWhileItIsRestoredIsRefused(t *testing.T) {
	n := newNetwork(t, servertest.MinIO(t, server.S3Config{}).S3)
	gets := 0
	a := begin(t, n, errandOf(t, "restore"), func(r *http.Request) s3Trouble {
		if s3Stage(r)+s3Object(r) != "get payload" {
			return fine
		}
		if gets++; gets == 2 { // the first one has begun, or is over
			client := s3Core(t, n.s3).Client
			from := minio.CopySrcOptions{Bucket: s3Bucket, Object: n.template + "/" + n.snapshots[1]}
			to := minio.CopyDestOptions{Bucket: s3Bucket, Object: strings.TrimPrefix(r.URL.Path, "/"+s3Bucket+"/")}
			if _, err := client.CopyObject(r.Context(), to, from); err != nil {
				t.Error(err)
			}
		}
		if gets > 2 {
			return fine
		}
		return refused // so that it is asked again, of the version that it was
	})
	checkFails(t, a.end(t), 3, "the object was replaced while it was being read", "try again")
	if _, err := os.Stat(a.place.target()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the data directory: %v", err)
	}
}
