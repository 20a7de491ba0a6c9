package console

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Bytes prints a size as people read it: "1.4 GiB".
func Bytes(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// Age prints how long ago something was, kubectl's way: "47m", "3d".
func Age(now, then time.Time) string {
	d := now.Sub(then)
	switch {
	case d < 0:
		return "0s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}

// Size is a flag for bytes: "500MiB", "2G", "0".
type Size int64

// String prints the value.
func (s *Size) String() string {
	if *s < 0 {
		return "the larger of 1GiB and 10%"
	}
	return strings.ReplaceAll(humanize.IBytes(uint64(*s)), " ", "")
}

// Set reads "500MiB", "2G" (decimal, as in SI) or plain bytes.
func (s *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > 1<<62 {
		return errors.New("it is no size such as 500MiB or 2GiB")
	}
	*s = Size(n)
	return nil
}

// Type is what help texts call the value.
func (s *Size) Type() string { return "size" }

// Wait is a flag for a time limit. Nothing waits for ever, so it is above 0.
type Wait struct{ limit *time.Duration }

// NewWait reads into limit, whose value is the default.
func NewWait(limit *time.Duration) Wait { return Wait{limit} }

// String prints the value.
func (w Wait) String() string {
	if w.limit == nil {
		return ""
	}
	return w.limit.String()
}

// Set reads "30s" or "2m".
func (w Wait) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("it is no duration above 0 such as 30s or 2m")
	}
	*w.limit = d
	return nil
}

// Type is what help texts call the value.
func (Wait) Type() string { return "duration" }

// ParseAt reads the time that --at gives: with a zone, or local.
func ParseAt(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, Usagef("--at %s is no time: write 2026-11-22T02:00:00Z, or 2026-11-22 02:00 for local time", s)
}
