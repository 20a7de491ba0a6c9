package restoring_test

import (
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/distro/etcd/etcdtest"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/restoring"
)

func TestAMachineThatJoinsHasRoomForTheDataOfTheOthers(t *testing.T) {
	world := etcdtest.New(t)
	m := &restoring.Machine{Driver: world.Driver(), Name: "m1", StateDir: world.State, SpoolDir: world.State, Log: slog.New(slog.DiscardHandler)}
	for _, tt := range []struct {
		joins         int64
		outcome, says string
	}{
		{0, "", ""},
		{1, "Passed", "free, "},
		{1 << 60, "Failed", "the other members' data takes 1.0 EiB: free some space there"},
	} {
		settings, err := json.Marshal(step.PreflightSettings{Joins: tt.joins})
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Make(step.Request{Kind: step.Preflight, Settings: settings, Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		evidence, err := s.Do(t.Context(), func(string, string) {})
		if err != nil {
			t.Fatal(err)
		}
		var space v1alpha1.PreflightCheck
		for _, c := range evidence.(step.PreflightEvidence).Checks {
			if c.Check == "DiskSpace" {
				space = c
			}
		}
		if space.Outcome != tt.outcome || !strings.Contains(space.Message, tt.says) {
			t.Errorf("%d: %+v", tt.joins, space)
		}
	}
}
