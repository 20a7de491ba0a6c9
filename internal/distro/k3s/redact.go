package k3s

import (
	"encoding/json"
	"slices"
	"strings"
)

// Redacted stands for a value that a configuration does not carry.
const Redacted = "***"

// secretWords make a secret of whatever has one of them in its name.
var secretWords = []string{"secret", "token", "key", "password", "auth", "credential"}

// plainNames are no secrets, whatever their names say.
var plainNames = []string{"secrets-encryption", "secrets-encryption-provider", "etcd-s3-config-secret"}

// isSecret says whether the value of a flag must not leave the machine. Databases outside have a password in their URL.
func isSecret(flag string) bool {
	switch {
	case flag == "datastore-endpoint":
		return true
	case slices.Contains(plainNames, flag), strings.HasSuffix(flag, "file"), strings.HasSuffix(flag, "-arg"), strings.HasSuffix(flag, "-dir"):
		return false // the latter name files, and hold none
	}
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(flag, word) })
}

// redact returns a value as it may leave the machine. A URL may carry a user's password.
func redact(flag, value string) string {
	_, rest, isURL := strings.Cut(value, "://")
	if value != "" && (isSecret(flag) || isURL && strings.Contains(rest, "@")) {
		return Redacted
	}
	return value
}

// momentary are flags that say what one start does. A configuration that has them would do it again.
var momentary = []string{"config", "cluster-reset", "cluster-reset-restore-path"}

// inherited are the flags that are set through the environment as a matter of course: the installer does so.
var inherited = []string{"server", "token", "agent-token", "token-file", "data-dir", "node-name", "datastore-endpoint"}

// redactedConfig is the merged configuration: flag → value, or its values where it has several. They are the configuration
// again when they are written into a file as they stand.
func (n *node) redactedConfig() (json.RawMessage, error) {
	merged := map[string]any{}
	flags := append(n.config.Flags(), inherited...)
	for _, flag := range flags {
		if slices.Contains(momentary, flag) {
			continue
		}
		values := n.config.List(flag)
		if value, set := n.config.Lookup(flag); set && len(values) < 2 {
			merged[flag] = redact(flag, value)
		} else if set {
			for i := range values {
				values[i] = redact(flag, values[i])
			}
			merged[flag] = values
		}
	}
	return json.Marshal(merged) // sorted by name
}
