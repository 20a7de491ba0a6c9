package httpd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/holdfast-dev/holdfast/internal/schedule"
)

// pathSchedule answers when a schedule is due next: GET with cron, or hours, and perhaps with the zone of the machines. The
// page would otherwise need a parser of its own, with rules of its own.
const pathSchedule = "/v1/schedule"

// previewed is how many times are told. The others are the API's own limits.
const (
	previewed = 5
	maxCron   = 128
	maxHours  = 8760
)

// preview is what a schedule means.
type preview struct {
	// Zone that the times are in.
	Zone string `json:"zone"`
	// Times at which it is due next, in the zone.
	Times []time.Time `json:"times"`
}

// schedules answers who is signed in: nobody else shall have the manager calculate.
func (g *guard) schedules(now func() time.Time) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if token == "" {
			http.Error(w, "send a token of the Kubernetes API", http.StatusUnauthorized)
			return
		}
		switch _, err := g.who(r.Context(), token); {
		case apierrors.IsUnauthorized(err):
			http.Error(w, "the token is not good, or not any more", http.StatusUnauthorized)
			return
		case err != nil:
			http.Error(w, "the Kubernetes API does not say whom the token speaks for", http.StatusBadGateway)
			return
		}
		found, err := look(r.FormValue("cron"), r.FormValue("hours"), r.FormValue("zone"), now())
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(found)
	}
}

// look reads a schedule; now is when it is looked at.
func look(text, hours, zone string, now time.Time) (preview, error) {
	where, err := time.LoadLocation(zone)
	if err != nil {
		return preview{}, fmt.Errorf("%q is no time zone that the manager knows", zone)
	}
	when, err := parse(text, hours)
	if err != nil {
		return preview{}, err
	}
	if named, ok := when.(*cron.SpecSchedule); ok && named.Location != time.Local {
		where = named.Location
	}
	found := preview{Zone: where.String(), Times: schedule.Coming(when, now.In(where), previewed)}
	if len(found.Times) == 0 {
		return found, fmt.Errorf("%s never comes", text)
	}
	for i := range found.Times {
		found.Times[i] = found.Times[i].In(where)
	}
	return found, nil
}

func parse(text, hours string) (cron.Schedule, error) {
	if hours == "" {
		if len(text) > maxCron {
			return nil, fmt.Errorf("a schedule has %d characters at most", maxCron)
		}
		return schedule.Parse(text)
	}
	n, err := strconv.ParseInt(hours, 10, 32)
	if err != nil || n < 1 || n > maxHours {
		return nil, fmt.Errorf("hours must be 1 to %d", maxHours)
	}
	return schedule.Hours(n), nil
}
