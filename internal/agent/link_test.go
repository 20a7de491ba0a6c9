package agent

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// settingsOf is a link to a manager that knows one Machine, and how often that was read.
func settingsOf(t *testing.T, m *v1alpha1.Machine) (l *link, reads *int) {
	t.Helper()
	reads = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/apis/holdfast.dev/v1alpha1/namespaces/one/machines/n1" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		*reads++
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(m)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	a := &Agent{cfg: Config{Log: slog.New(slog.DiscardHandler), StateDir: dir, Now: time.Now}, stirred: newBell()}
	var err error
	if a.standing, err = newStanding(dir); err != nil {
		t.Fatal(err)
	}
	a.plans = &plans{Agent: a, woken: newBell()}
	return &link{Agent: a, api: apiAt(t, server, v1alpha1.AddToScheme), key: types.NamespacedName{Namespace: "one", Name: "n1"}, answered: newBell()}, reads
}

func TestSettingsAreReadWhenTheWatchBeginsAndWhenThePlanSaysSo(t *testing.T) {
	machine := &v1alpha1.Machine{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "Machine"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "one", Name: "n1", Generation: 1},
	}
	l, reads := settingsOf(t, machine)
	for _, heard := range []struct {
		why        string
		generation string
		first      bool
		reads      int
	}{
		{"the watch begins, and nobody has said anything yet", "", true, 1},
		{"the manager says which generation it is", "1", false, 2},
		{"only the plan has changed", "1", false, 2},
		{"the settings have changed", "2", false, 3},
		{"the watch begins anew", "2", true, 4},
	} {
		if heard.generation == "2" {
			machine.Generation = 2
		}
		plan := new(v1alpha1.MachinePlan)
		if heard.generation != "" {
			metav1.SetMetaDataAnnotation(&plan.ObjectMeta, enroll.AnnotationGeneration, heard.generation)
		}
		if err := l.heard(t.Context(), plan, heard.first); err != nil {
			t.Fatalf("%s: %v", heard.why, err)
		}
		if *reads != heard.reads {
			t.Errorf("%s: it was read %d times, want %d", heard.why, *reads, heard.reads)
		}
	}
	if o, _ := l.standing.get(); o.Generation != 2 {
		t.Errorf("generation %d is in force", o.Generation)
	}
}
