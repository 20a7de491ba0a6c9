package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Render writes a file that Read reads as these flags and values: one value as a scalar, several as a list. All are
// strings, as they will be on the command line: what looks like a number or a switch stays what it is.
func Render(flags map[string][]string) ([]byte, error) {
	out := map[string]any{}
	for flag, values := range flags {
		switch len(values) {
		case 0:
		case 1:
			out[flag] = values[0]
		default:
			out[flag] = values
		}
	}
	if len(out) == 0 {
		return nil, nil
	}
	text, err := yaml.Marshal(out) // sorted by name
	if err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	return text, nil
}
