package systemd

import (
	"regexp"
	"strings"
)

// Expand puts the values of variables into the words of a command line as systemd does: "$NAME" as a word of its own
// becomes as many words as its value has, "${NAME}" is replaced where it stands. What is not set is empty.
func Expand(words []string, env map[string]string) []string {
	var out []string
	for _, word := range words {
		if name, ok := strings.CutPrefix(word, "$"); ok && isName(name) {
			out = append(out, Words(env[name])...)
			continue
		}
		out = append(out, strings.ReplaceAll(braced.ReplaceAllStringFunc(word, func(ref string) string {
			return env[ref[2:len(ref)-1]]
		}), "$$", "$"))
	}
	return out
}

var (
	braced   = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}`)
	variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func isName(s string) bool { return variable.MatchString(s) }

// Words splits a text at spaces, except between quotes.
func Words(text string) []string {
	var words []string
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// ParseEnvironment reads "NAME=value" lines: the form of a unit's Environment, and of an EnvironmentFile, in which blank
// lines and comments may stand and values may be quoted.
func ParseEnvironment(lines []string, env map[string]string) {
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || !isName(name) {
			continue
		}
		env[name] = unquote(strings.TrimSpace(value))
	}
}

// environmentFile splits an EnvironmentFile into lines, joining those that end with a backslash.
func environmentFile(data []byte) []string {
	return strings.Split(strings.ReplaceAll(strings.ReplaceAll(string(data), "\r\n", "\n"), "\\\n", ""), "\n")
}

func unquote(value string) string {
	if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
		return value[1 : len(value)-1]
	}
	return value
}
