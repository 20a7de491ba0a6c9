package snapshot

import (
	"encoding/hex"
	"strings"
)

// An escrow is a file beside a snapshot that holds, encrypted, what a restore needs and the snapshot lacks: tokens, keys,
// certificates. Here it is only bytes with a name. Like a manifest it belongs to one upload of the payload.
const escrowSuffix = ".holdfast-escrow.age"

// EscrowName is where the escrow of one upload of a file lies.
func EscrowName(file, uploadID string) string {
	return MetadataDir + "/" + file + "." + uploadID + escrowSuffix
}

// ParseEscrowName is the inverse of EscrowName.
func ParseEscrowName(name string) (file, uploadID string, ok bool) {
	return parseUploadName(name, escrowSuffix)
}

// parseUploadName takes a name of the form .metadata/<file>.<upload id><suffix> apart.
func parseUploadName(name, suffix string) (file, uploadID string, ok bool) {
	stem, isMetadata := strings.CutPrefix(name, MetadataDir+"/")
	stem, hasSuffix := strings.CutSuffix(stem, suffix)
	dot := strings.LastIndexByte(stem, '.')
	if !isMetadata || !hasSuffix || dot <= 0 || len(stem)-dot-1 != 16 {
		return "", "", false
	}
	if _, err := hex.DecodeString(stem[dot+1:]); err != nil {
		return "", "", false
	}
	return stem[:dot], stem[dot+1:], true
}
