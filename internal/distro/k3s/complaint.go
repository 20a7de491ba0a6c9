package k3s

import (
	"strings"
)

// maxLines is how much of what a reset says is told.
const maxLines = 12

// tail are the last lines that a program said, without those that say nothing: it warns of each key in its configuration
// that it does not know. Secrets in them are left out.
func tail(said string, secrets ...string) string {
	lines := strings.Split(strings.TrimSpace(said), "\n")
	var kept []string
	for i := len(lines) - 1; i >= 0 && len(kept) < maxLines; i-- {
		if line := strings.TrimSpace(lines[i]); line != "" && !strings.Contains(line, "Unknown flag") {
			kept = append([]string{line}, kept...)
		}
	}
	return conceal(strings.Join(kept, "\n"), secrets...)
}

// shortest is what a text must have at least to be looked for: a shorter one would be everywhere.
const shortest = 4

// conceal takes secrets out of a text.
func conceal(text string, secrets ...string) string {
	for _, secret := range secrets {
		if len(secret) >= shortest {
			text = strings.ReplaceAll(text, secret, Redacted)
		}
	}
	return text
}
