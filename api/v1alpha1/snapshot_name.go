package v1alpha1

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SnapshotObjectName is the name of the EtcdSnapshot of a file: what a name may hold of the file's, and a hash of all of
// it, because two files' names may differ only in what an object's name can't hold. The extension says how a copy is
// stored and does not count: the copy in S3 may be packed, that on the machine raw.
func SnapshotObjectName(file string) string {
	for _, extension := range []string{".db.zst", ".zip", ".db"} {
		if stem, ok := strings.CutSuffix(file, extension); ok && stem != "" {
			file = stem
			break
		}
	}
	slug := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, file)
	if len(slug) > 200 {
		slug = slug[:200]
	}
	sum := sha256.Sum256([]byte(file))
	return strings.Trim(strings.Trim(slug, "-")+"-"+hex.EncodeToString(sum[:4]), "-")
}
