package blob

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of names that every store can keep: S3 takes keys of 1024 bytes, of which a folder may need some, and file
// systems (MinIO's among them) take 255 bytes between two slashes.
const (
	maxName    = 1000
	maxSegment = 255
)

// CheckName returns ErrName, with the reason, for a name that breaks the rules of [Store].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > maxName:
		return fmt.Errorf("%w: longer than %d bytes", ErrName, maxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	case strings.ContainsFunc(name, unkeepable):
		return fmt.Errorf("%w: %q holds a character that not every store takes", ErrName, name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := checkSegment(name, segment); err != nil {
			return err
		}
	}
	return nil
}

func checkSegment(name, segment string) error {
	switch {
	case segment == "" || segment == "." || segment == "..":
		return fmt.Errorf("%w: %q has the segment %q", ErrName, name, segment)
	case len(segment) > maxSegment:
		return fmt.Errorf("%w: %q has a segment longer than %d bytes", ErrName, name, maxSegment)
	case IsTemporary(segment):
		return fmt.Errorf("%w: %q is kept for unfinished files", ErrName, name)
	}
	return nil
}

// unkeepable: control characters cannot be listed as XML, and a terminal obeys them; those that turn the direction of
// writing make one name look like another; a backslash is a separator to some servers.
func unkeepable(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\\'
}

// Unfinished files in a directory have names of this shape, so that no listing takes one for an object.
const (
	temporaryPrefix = ".holdfast-"
	temporarySuffix = ".part"
)

// IsTemporary says whether a name's last segment is one that stores keep for unfinished files.
func IsTemporary(segment string) bool {
	return strings.HasPrefix(segment, temporaryPrefix) && strings.HasSuffix(segment, temporarySuffix)
}

// TemporaryName is the name of an unfinished file that carries the given random text.
func TemporaryName(random string) string { return temporaryPrefix + random + temporarySuffix }
