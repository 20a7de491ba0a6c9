package blob

import (
	"errors"
	"fmt"
	"strings"
)

// ErrMetadata: PutOptions.Metadata breaks its rules. It is a mistake of the calling code, never of an operator.
var ErrMetadata = errors.New("not valid object metadata")

// maxMetadata bounds keys and values together, well below the 2 KiB that S3 takes.
const maxMetadata = 1024

// CheckMetadata returns ErrMetadata, with the reason, for metadata that breaks the rules of [PutOptions]. Every store
// checks, those that keep none too: what one store refuses must not depend on which store it is.
func CheckMetadata(metadata map[string]string) error {
	total := 0
	for key, value := range metadata {
		total += len(key) + len(value)
		if key == "" || strings.ContainsFunc(key, notKey) {
			return fmt.Errorf("%w: key %q", ErrMetadata, key)
		}
		// HTTP headers lose spaces at both ends, so such a value would not come back as it went.
		if strings.ContainsFunc(value, notPrintable) || strings.TrimSpace(value) != value {
			return fmt.Errorf("%w: the value of %q is not printable ASCII", ErrMetadata, key)
		}
	}
	if total > maxMetadata {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrMetadata, total, maxMetadata)
	}
	return nil
}

func notKey(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
}

func notPrintable(r rune) bool { return r < ' ' || r > '~' }
