// Package cell words single facts of the manager's resources for tables: short, and the same everywhere.
//
// It holds no table of its own, and asks nobody anything.
package cell

import (
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// None stands where nothing is known.
const None = "-"

// Text is the text, or None.
func Text[T ~string](s T) string {
	if s == "" {
		return None
	}
	return string(s)
}

// Age is how long ago something was.
func Age(now time.Time, at *metav1.Time) string {
	if at.IsZero() {
		return None
	}
	return console.Age(now, at.Time)
}

// Until is how long it is until something: "in 47m", or "due" when its time has come.
func Until(now time.Time, at *metav1.Time) string {
	switch {
	case at.IsZero():
		return None
	case !at.After(now):
		return "due"
	}
	return "in " + console.Age(at.Time, now)
}

// Condition is yes, or no with the reason, or None.
func Condition(list []metav1.Condition, kind string) string {
	c := Find(list, kind)
	switch {
	case c == nil:
		return None
	case c.Status == metav1.ConditionTrue:
		return "yes"
	case c.Status == metav1.ConditionFalse:
		return strings.TrimSuffix("no, "+c.Reason, ", ")
	}
	return "unknown"
}

// Find returns a condition, or nil.
func Find(list []metav1.Condition, kind string) *metav1.Condition {
	for i := range list {
		if list[i].Type == kind {
			return &list[i]
		}
	}
	return nil
}

// Is tells whether a condition is there with this status.
func Is(list []metav1.Condition, kind string, status metav1.ConditionStatus) bool {
	c := Find(list, kind)
	return c != nil && c.Status == status
}
