package httpd

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestTheNextTimesOfAScheduleAreToldInItsZone(t *testing.T) {
	now := time.Date(2026, 11, 23, 13, 20, 0, 0, time.UTC)
	for _, test := range []struct{ cron, hours, zone, in, first string }{
		{"0 3 * * *", "", "", "UTC", "2026-11-24T03:00:00Z"},
		{"0 3 * * *", "", "Europe/Berlin", "Europe/Berlin", "2026-11-24T03:00:00+01:00"},
		{"TZ=Asia/Tokyo 0 3 * * *", "", "Europe/Berlin", "Asia/Tokyo", "2026-11-24T03:00:00+09:00"},
		{"@every 90m", "", "Europe/Berlin", "Europe/Berlin", "2026-11-23T15:50:00+01:00"},
		{"", "12", "Europe/Berlin", "Europe/Berlin", "2026-11-24T01:00:00+01:00"},
	} {
		found, err := look(test.cron, test.hours, test.zone, now)
		if err != nil || found.Zone != test.in || len(found.Times) != 5 || found.Times[0].Format(time.RFC3339) != test.first {
			t.Errorf("%+v: %+v, %v", test, found, err)
		}
	}
}

func TestAScheduleThatNeverComesIsNone(t *testing.T) {
	for _, test := range []struct{ cron, hours, zone, says string }{
		{"0 3 * *", "", "", "5 fields"},
		{"61 * * * *", "", "", "above maximum"},
		{"TZ=UTC", "", "", "five fields"},
		{"0 0 30 2 *", "", "", "never comes"},
		{"", "0", "", "1 to 8760"},
		{"", "often", "", "1 to 8760"},
		{"* * * * *", "", "Nowhere/Town", "no time zone"},
		{strings.Repeat("*", 200), "", "", "128 characters"},
	} {
		if _, err := look(test.cron, test.hours, test.zone, time.Now()); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v", test, err)
		}
	}
}

func TestASchedulesTimesAreForThoseWhoAreSignedIn(t *testing.T) {
	server := front(t, Config{})
	if status, got := get(t, server.URL+"/v1/schedule?cron=@daily"); status != http.StatusUnauthorized {
		t.Errorf("%d: %s", status, got)
	}
}
