package settings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

var unknownField = regexp.MustCompile(`unknown field "(?:.*\.)?([^".]+)"`)

// yamlCause words why a file cannot be read, with the line. It hides that YAML is read by way of JSON, which has
// forgotten the lines: so the line is that of the first field of the name.
func yamlCause(data []byte, err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		path := strings.Split(wrong.Field, ".")
		return atLine(data, path[len(path)-1], fmt.Sprintf("%s is a %s, and must be %s", wrong.Field, wrong.Value, kindOf(wrong.Type.Kind().String())))
	}
	if unknown := unknownField.FindStringSubmatch(err.Error()); unknown != nil {
		return atLine(data, unknown[1], fmt.Sprintf("unknown field %q", unknown[1]))
	}
	text := err.Error()
	for _, prefix := range []string{"error converting YAML to JSON: ", "error unmarshaling JSON: ", "while decoding JSON: ", "json: ", "yaml: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

// kindOf says in YAML's words what Go's kind of a field wants.
func kindOf(kind string) string {
	switch kind {
	case "slice":
		return "a list"
	case "map", "struct":
		return "a group of fields"
	case "bool":
		return "true or false"
	}
	return "a " + kind
}

func atLine(data []byte, field, text string) string {
	key := regexp.MustCompile(`(^|[\s{,])["']?` + regexp.QuoteMeta(field) + `["']?\s*:`)
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if key.Match(line) {
			return fmt.Sprintf("line %d: %s", number, text)
		}
	}
	return text
}
