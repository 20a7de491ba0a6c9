package schedule

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAScheduleIsReadAsK3sReadsIt(t *testing.T) {
	from := time.Date(2026, 11, 23, 13, 20, 0, 0, time.UTC)
	for text, want := range map[string][]string{
		"0 */5 * * *":             {"2026-11-23T15:00:00Z", "2026-11-23T20:00:00Z", "2026-11-24T00:00:00Z"},
		"@every 6h":               {"2026-11-23T19:20:00Z", "2026-11-24T01:20:00Z", "2026-11-24T07:20:00Z"},
		"0 12 29 2 ?":             {"2028-02-29T12:00:00Z", "2032-02-29T12:00:00Z", "2036-02-29T12:00:00Z"},
		"TZ=Asia/Tokyo 0 3 * * *": {"2026-11-23T18:00:00Z", "2026-11-24T18:00:00Z", "2026-11-25T18:00:00Z"},
		"0 0 30 2 *":              nil,
	} {
		s, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, at := range Coming(s, from, 3) {
			got = append(got, at.UTC().Format(time.RFC3339))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", text, diff)
		}
	}
}

func TestWhatIsNoScheduleIsRefused(t *testing.T) {
	for _, text := range []string{"", "TZ=UTC", "CRON_TZ=UTC", "* * * *", "61 * * * *", "@sometimes", "TZ=Nowhere/Town 0 * * * *"} {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is a schedule", text)
		}
	}
	if _, err := Parse("TZ=UTC"); !errors.Is(err, ErrNoFields) {
		t.Error(err)
	}
}

func TestIntervalsHaveTheSameSlotsEverywhere(t *testing.T) {
	s := Hours(12)
	a, b := s.Next(time.Unix(1_700_000_000, 0)), s.Next(time.Unix(1_700_000_900, 0))
	if !a.Equal(b) || !s.Next(a).Equal(a.Add(12*time.Hour)) {
		t.Errorf("%v, %v, then %v", a, b, s.Next(a))
	}
}

func TestAZoneIsKnownByItsFile(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/share/zoneinfo/Europe/Berlin": "Europe/Berlin", "../usr/share/zoneinfo/UTC": "UTC",
		"/etc/own-zone": "", "/usr/share/zoneinfo/Nowhere/Town": "",
	} {
		if got := zoneIn(path); got != want {
			t.Errorf("%s: %q", path, got)
		}
	}
}
