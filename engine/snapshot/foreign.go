package snapshot

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// ForeignSchema is the format of a Foreign.
const ForeignSchema = "holdfast.dev/foreign/v1"

// Foreign is what tests of a snapshot that another program made have shown. Such a snapshot has no manifest of ours, and
// must not get one: a manifest says that Holdfast took it. Foreign is bound to exactly the bytes that were read by
// Version, which changes whenever the store's object does, and describes them, so that they can be told later on.
type Foreign struct {
	Schema string `json:"schema"`
	// File, Size and Version of the object, as the store had it.
	File    string `json:"file"`
	Size    int64  `json:"size"`
	Version string `json:"version"`

	Encoding Encoding   `json:"encoding"`
	Database Database   `json:"database"`
	Evidence []Evidence `json:"evidence"`
}

// Encode returns it as it is stored: sealed as a manifest is.
func (f *Foreign) Encode() ([]byte, error) { return seal(f) }

// DecodeForeign reads a stored one. It returns ErrManifest when any byte is not what was written.
func DecodeForeign(data []byte) (*Foreign, error) {
	var f Foreign
	if err := unseal(data, &f); err != nil {
		return nil, err
	}
	if f.Schema != ForeignSchema {
		return nil, fmt.Errorf("%w: it is of %q, this one reads %s", ErrSchema, f.Schema, ForeignSchema)
	}
	return &f, nil
}

const foreignSuffix = ".holdfast-foreign.json"

// ForeignName is the name under which a Foreign of one version of a file lies.
func ForeignName(file string, size int64, version string) string {
	sum := sha256.Sum256([]byte(strconv.FormatInt(size, 10) + " " + version))
	return MetadataDir + "/" + file + "." + hex.EncodeToString(sum[:8]) + foreignSuffix
}

// ParseForeignName returns the file that a Foreign of this name is about.
func ParseForeignName(name string) (file string, ok bool) {
	stem, isForeign := strings.CutSuffix(name, foreignSuffix)
	stem, isMetadata := strings.CutPrefix(stem, MetadataDir+"/")
	dot := strings.LastIndexByte(stem, '.')
	if !isForeign || !isMetadata || dot < 1 {
		return "", false
	}
	return stem[:dot], true
}
