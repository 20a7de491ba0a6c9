package blob

import (
	"fmt"
	"strings"
)

// CheckName returns ErrName, with the reason, for a name that breaks the rules of [Store].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > 1000:
		return fmt.Errorf("%w: longer than 1000 bytes", ErrName)
	case strings.ContainsAny(name, "\x00\\\n\r"):
		return fmt.Errorf("%w: %q holds a character that not every store takes", ErrName, name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w: %q has the segment %q", ErrName, name, segment)
		}
	}
	return nil
}
