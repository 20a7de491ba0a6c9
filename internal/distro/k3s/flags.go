package k3s

import (
	"slices"
	"strings"
)

// flagOf is the name of the flag that a word of a command line is, without dashes, and whether its value is in the word,
// too; "" for a word that is none.
func flagOf(word string) (name string, whole bool) {
	if len(word) < 2 || word[0] != '-' {
		return "", false
	}
	name, _, whole = strings.Cut(strings.TrimLeft(word, "-"), "=")
	return name, whole
}

// without returns a command line without some flags and their values. A server and an agent take no arguments, so a word
// that is no flag belongs to the one before it.
func without(words []string, drop func(flag string) bool) []string {
	var kept []string
	for i := 0; i < len(words); i++ {
		name, whole := flagOf(words[i])
		if name == "" || !drop(name) {
			kept = append(kept, words[i])
			continue
		}
		if !whole && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
			i++
		}
	}
	return kept
}

// has says whether a command line has one of some flags.
func has(words []string, wanted func(flag string) bool) bool {
	return slices.ContainsFunc(words, func(word string) bool {
		name, _ := flagOf(word)
		return name != "" && wanted(name)
	})
}
