package snapshot

import (
	"regexp"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestANameIsSpelledAsK3sSpellsIt(t *testing.T) {
	n := Name{Base: "on-demand", Node: "my-super-rancher-k8s-node1", Time: time.Unix(1652288934, 0)}
	if got, want := n.String(), "on-demand-my-super-rancher-k8s-node1-1652288934"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

var names = rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9._-]{0,20}[A-Za-z0-9])?`)

func TestEveryNameMatchesItselfInEachEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Name{
			Base: names.Draw(t, "base"), Node: names.Draw(t, "node"),
			Time: time.Unix(rapid.Int64Range(1_000_000_000, 9_999_999_999).Draw(t, "unix"), 0).UTC(),
		}
		for _, extension := range []string{"", ".db", ".db.zst", ".zip"} {
			at, ok := Match(n.String()+extension, n.Base, n.Node)
			if !ok || !at.Equal(n.Time) {
				t.Fatalf("%s%s: %v %v", n, extension, at, ok)
			}
		}
	})
}

func TestAMatchIsExact(t *testing.T) {
	for _, c := range []struct {
		file, base, node string
		want             bool
	}{
		{"etcd-snapshot-n1-1652288934", "etcd-snapshot", "n1", true},
		{"etcd-snapshot-n1-1652288934.zip", "etcd-snapshot", "n1", true},
		{"etcd-snapshot-n1-1652288934.db.zst", "etcd-snapshot", "n1", true},
		{"etcd2-n1-1652288934", "etcd", "n1", false},
		{"etcd-snapshot-b-a-1652288934", "etcd-snapshot", "a", false},
		{"etcd-snapshot-n1-1652288934.part", "etcd-snapshot", "n1", false},
		{"etcd-snapshot-n1-1652288934x", "etcd-snapshot", "n1", false},
		{"etcd-snapshot-n1-20260102", "etcd-snapshot", "n1", false},
		{"etcd-snapshot-n1-", "etcd-snapshot", "n1", false},
		{"xetcd-snapshot-n1-1652288934", "etcd-snapshot", "n1", false},
	} {
		if _, got := Match(c.file, c.base, c.node); got != c.want {
			t.Errorf("Match(%q, %q, %q) = %v", c.file, c.base, c.node, got)
		}
	}
}

func TestASafeNameHoldsOnlySafeCharactersAndKeepsTheRest(t *testing.T) {
	safe := regexp.MustCompile(`^[A-Za-z0-9._-]*$`)
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "name")
		got := SafeName(s)
		if !safe.MatchString(got) {
			t.Fatalf("%q became %q", s, got)
		}
		if safe.MatchString(s) && got != s {
			t.Fatalf("%q was safe and became %q", s, got)
		}
	})
	if got, want := SafeName("c-9dmxz-rl-8b2cx_2022-05-04T18:39:16Z.zip"), "c-9dmxz-rl-8b2cx_2022-05-04T18-39-16Z.zip"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAnRKENameIsTheSameOnEveryNodeAndDiffersBetweenSlots(t *testing.T) {
	slot := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	n := RKEName{ClusterID: "c-9dmxz", Recurring: true, Slot: slot}
	elsewhere := RKEName{ClusterID: "c-9dmxz", Recurring: true, Slot: slot.In(time.FixedZone("", 3600))}
	if n.File(false) != elsewhere.File(false) {
		t.Errorf("%s on one node, %s on another", n.File(false), elsewhere.File(false))
	}
	later := RKEName{ClusterID: "c-9dmxz", Recurring: true, Slot: slot.Add(12 * time.Hour)}
	if n.String() == later.String() {
		t.Errorf("both slots are called %s", n)
	}
	if m := regexp.MustCompile(`^c-9dmxz-rl-[a-z0-9]{5}$`); !m.MatchString(n.String()) {
		t.Errorf("%s is not as RKE names snapshots", n)
	}
	for _, c := range []struct {
		name RKEName
		kind string
	}{
		{RKEName{ClusterID: "c-1", Recurring: true, S3: true, Slot: slot}, "c-1-rs-"},
		{RKEName{ClusterID: "c-1", S3: true, Slot: slot}, "c-1-ms-"},
		{RKEName{ClusterID: "c-1", Slot: slot}, "c-1-ml-"},
	} {
		if got := c.name.String(); got[:len(c.kind)] != c.kind {
			t.Errorf("%s does not begin with %s", got, c.kind)
		}
	}
}

func TestRKEsNamesAreRecognised(t *testing.T) {
	at := time.Date(2018, 5, 4, 18, 39, 16, 0, time.UTC)
	for file, want := range map[string]RKEFile{
		"c-9dmxz-rl-8b2cx_2018-05-04T18:39:16Z.zip":      {ClusterID: "c-9dmxz", Recurring: true, Suffix: "8b2cx", Time: at},
		"c-9dmxz-ms-t6bjb_2018-05-04T18-39-16Z.zip":      {ClusterID: "c-9dmxz", S3: true, Suffix: "t6bjb", Time: at},
		"c-9dmxz-ml-kr56m_2018-05-04T20:39:16+02:00.zip": {ClusterID: "c-9dmxz", Suffix: "kr56m", Time: at},
		"rke_etcd_snapshot_2018-05-04T18:39:16Z.zip":     {Time: at},
		"2018-05-04T18:39:16Z_etcd.zip":                  {Recurring: true, Time: at},
		"2018-05-04T18:39:16Z_etcd":                      {Recurring: true, Time: at},
		"rke_etcd_snapshot_2018-05-04T18:39:16Z":         {Time: at},
	} {
		got, ok := ParseRKEFile(file)
		if !ok || got != want {
			t.Errorf("%s: got %+v %v, want %+v", file, got, ok, want)
		}
	}
	for _, file := range []string{"c-9dmxz-xl-8b2cx_2018-05-04T18:39:16Z.zip", "etcd-snapshot-n1-1652288934.zip", "2018-05-04_etcd.zip", ""} {
		if got, ok := ParseRKEFile(file); ok {
			t.Errorf("%q is taken for RKE's: %+v", file, got)
		}
	}
}

func TestEveryRKENameIsRecognisedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := RKEName{
			ClusterID: "c-" + rapid.StringMatching(`[a-z0-9]{5}`).Draw(t, "id"),
			Recurring: rapid.Bool().Draw(t, "recurring"), S3: rapid.Bool().Draw(t, "s3"),
			Slot: time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "slot"), 0),
		}
		got, ok := ParseRKEFile(n.File(rapid.Bool().Draw(t, "safe")))
		if !ok || got.ClusterID != n.ClusterID || got.Recurring != n.Recurring || got.S3 != n.S3 || !got.Time.Equal(n.Slot) {
			t.Fatalf("%+v came back as %+v %v", n, got, ok)
		}
	})
}
