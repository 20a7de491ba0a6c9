package agent

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
)

// restored is an agent on a machine whose member was restored just now, and the place of its old data.
func restored(t *testing.T) (a *Agent, aside string) {
	t.Helper()
	world := etcdtest.New(t)
	world.Start(t)
	world.Put(t, "a", "1")
	a = local(t, world, "")
	saved(t, a, v1alpha1.VerifyContent)
	r := &LocalRestore{Location: held(t, a)[0].Location, Timeout: time.Minute}
	var out bytes.Buffer
	if err := r.Run(t.Context(), a.cfg, &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	places, err := filepath.Glob(world.Data + ".holdfast-*")
	if err != nil || len(places) != 1 {
		t.Fatal(places, err)
	}
	return a, places[0]
}

func saved(t *testing.T, a *Agent, level v1alpha1.VerifyLevel) {
	t.Helper()
	o, _ := a.standing.get()
	set := step.SaveSettings{Base: "on-demand", Trigger: "manual", Backup: "b-" + random(), Verify: level}
	if _, err := a.saving(o).Save(t.Context(), set, func(string, string) {}); err != nil {
		t.Fatal(err)
	}
}

// tended says whether the old data is there after it was looked after.
func tended(t *testing.T, a *Agent, aside string) bool {
	t.Helper()
	if err := a.tendAside(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := os.Stat(aside)
	return err == nil
}

func status(t *testing.T, a *Agent) string {
	t.Helper()
	var out bytes.Buffer
	if err := Status(t.Context(), a.cfg, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func scraped(a *Agent) string {
	w := httptest.NewRecorder()
	a.metrics.handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

func TestOldDataGoesAfterAWeekWhenANewerSnapshotHasStoodATrial(t *testing.T) {
	a, aside := restored(t)
	if !tended(t, a, aside) {
		t.Fatal("it is gone at once")
	}
	if text := scraped(a); !strings.Contains(text, "holdfast_aside_sets 1\n") || strings.Contains(text, "holdfast_aside_bytes 0\n") {
		t.Errorf("metrics:\n%s", text)
	}
	if text := status(t, a); !strings.Contains(text, aside) || !strings.Contains(text, "MiB, until 2") {
		t.Errorf("status:\n%s", text)
	}

	saved(t, a, v1alpha1.VerifyRestore)
	if !tended(t, a, aside) {
		t.Fatal("it is gone before its time")
	}
	a.cfg.Now = func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }
	if text := status(t, a); !strings.Contains(text, "it is removed within an hour") {
		t.Errorf("status:\n%s", text)
	}
	if tended(t, a, aside) {
		t.Fatal("it is kept for ever")
	}
	if text := status(t, a); strings.Contains(text, "Old data") {
		t.Errorf("status:\n%s", text)
	}
	if text := scraped(a); !strings.Contains(text, "holdfast_aside_sets 0\n") || !strings.Contains(text, "holdfast_aside_bytes 0\n") {
		t.Errorf("metrics:\n%s", text)
	}
}

func TestOldDataStaysForAsLongAsSomebodyMayWantIt(t *testing.T) {
	a, aside := restored(t)
	a.cfg.Now = func() time.Time { return time.Now().Add(8 * 24 * time.Hour) }
	if !tended(t, a, aside) || !strings.Contains(status(t, a), "until this machine has a newer snapshot") {
		t.Fatal("there is nothing newer")
	}
	saved(t, a, v1alpha1.VerifyContent)
	if !tended(t, a, aside) {
		t.Fatal("the newer one was never restored")
	}
	saved(t, a, v1alpha1.VerifyRestore)
	a.cfg.KeepAside = forever
	if !tended(t, a, aside) || !strings.Contains(status(t, a), "keepAside is forever") {
		t.Fatal("it was to be kept for ever")
	}
	a.cfg.KeepAside = ""
	carryOut(t, a, planOf(t, 1, nil, step.Fence))
	if !tended(t, a, aside) {
		t.Fatal("an operation is on its way")
	}
}

func TestKeepAsideIsADurationOrForever(t *testing.T) {
	for text, good := range map[string]bool{"": true, "24h": true, forever: true, "0s": true, "7 days": false, "-1h": false} {
		if err := (File{KeepAside: text}).check("agent.yaml"); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		}
	}
}
