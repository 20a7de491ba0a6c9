package k3s

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shownValue is how much of a value is told.
const shownValue = 128

// differences says how a machine's configuration changes, a phrase for each flag. What stays the machine's own is not among
// them, and no secret.
func (n *node) differences(wanted map[string][]string) []string {
	flags := map[string]bool{}
	for _, flag := range slices.Concat(n.config.Flags(), slices.Collect(maps.Keys(wanted))) {
		flags[flag] = !slices.Contains(own, flag) && !slices.Contains(momentary, flag)
	}
	var list []string
	for _, flag := range slices.Sorted(maps.Keys(flags)) {
		now, then := n.present(flag), wanted[flag]
		switch {
		case !flags[flag] || slices.Equal(now, then):
		case len(then) == 0:
			list = append(list, fmt.Sprintf("%s goes, which is %s", flag, shown(flag, now)))
		case len(now) == 0:
			list = append(list, fmt.Sprintf("%s comes back as %s", flag, shown(flag, then)))
		default:
			list = append(list, fmt.Sprintf("%s becomes %s, and is %s", flag, shown(flag, then), shown(flag, now)))
		}
	}
	return list
}

// shown are values as people may read them.
func shown(flag string, values []string) string {
	var list []string
	for _, value := range values {
		list = append(list, redact(flag, value))
	}
	text := strings.Join(list, ",")
	if len(text) > shownValue {
		text = strings.ToValidUTF8(text[:shownValue], "") + "…"
	}
	if text == "" {
		return "empty"
	}
	return text
}
