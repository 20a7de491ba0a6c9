// Package schedule reads the schedules of recurring snapshots, as k3s and rke2 read theirs, and counts out the moments that
// they mean. Everybody who speaks of a schedule goes by it: the agent that obeys it, and the manager that shows it.
//
// It keeps no time and waits for nothing. Start reading at [Parse].
package schedule

import (
	"errors"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// ErrNoFields: a zone, and nothing to do in it.
var ErrNoFields = errors.New("a time zone needs five fields behind it")

// Parse reads five fields, with a zone before them if need be ("TZ=Europe/Berlin 0 3 * * *"), or "@every 6h", "@daily" and the
// like. What names no zone is in that of the moment which the schedule is asked about.
func Parse(text string) (cron.Schedule, error) {
	zoned := strings.HasPrefix(text, "TZ=") || strings.HasPrefix(text, "CRON_TZ=")
	if zoned && !strings.Contains(text, " ") {
		return nil, ErrNoFields // the parser panics
	}
	return cron.ParseStandard(text)
}

// Hours is every so many hours, counted from the same moment everywhere.
type Hours int32

// Next implements cron.Schedule.
func (h Hours) Next(t time.Time) time.Time {
	every := time.Duration(h) * time.Hour
	return t.Truncate(every).Add(every)
}

// Coming returns the next n moments after t; fewer when there are no more in five years.
func Coming(s cron.Schedule, t time.Time, n int) []time.Time {
	var all []time.Time
	for next := s.Next(t); !next.IsZero() && len(all) < n; next = s.Next(next) {
		all = append(all, next)
	}
	return all
}
