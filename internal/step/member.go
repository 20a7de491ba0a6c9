package step

import (
	"encoding/hex"
	"strings"
)

// NamedAfter tells whether a member's name is one that k3s makes of a node's: with a random number of 32 bits.
func NamedAfter(member, node string) bool {
	suffix, found := strings.CutPrefix(member, node+"-")
	random, err := hex.DecodeString(suffix)
	return found && node != "" && err == nil && len(random) == 4
}
