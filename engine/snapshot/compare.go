package snapshot

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// compareSize compares what is stored with what the manifest says, before any of it is read.
func compareSize(m *Manifest, src Source) error {
	if m == nil || src.Size() == m.Stored.Size {
		return nil
	}
	return fmt.Errorf("%w: it has %d bytes, its manifest says %d", ErrDamaged, src.Size(), m.Stored.Size)
}

// expected makes damage of what a file without a manifest might be by nature: no snapshot, or one without a hash.
func expected(m *Manifest, err error) error {
	if m != nil && (errors.Is(err, ErrNotSnapshot) || errors.Is(err, ErrNoTrailer)) {
		return fmt.Errorf("%w: it is not what its manifest describes: %s", ErrDamaged, err.Error())
	}
	return err
}

// compareBytes compares what was read with what the manifest says was written.
func compareBytes(m *Manifest, x *extracted) error {
	if m == nil {
		return nil
	}
	sum := hex.EncodeToString(x.sha256[:])
	switch {
	case x.storedSize != m.Stored.Size:
		return fmt.Errorf("%w: it has %d bytes, its manifest says %d", ErrDamaged, x.storedSize, m.Stored.Size)
	case x.storedSHA256 != m.Stored.SHA256:
		return fmt.Errorf("%w: its SHA-256 is %s, its manifest says %s", ErrDamaged, x.storedSHA256, m.Stored.SHA256)
	case x.size != m.Database.Size, sum != m.Database.SHA256:
		return fmt.Errorf("%w: the database in it has SHA-256 %s and %d bytes, its manifest says %s and %d",
			ErrDamaged, sum, x.size, m.Database.SHA256, m.Database.Size)
	}
	return nil
}

// compareContent compares what the database holds with what the manifest says.
func compareContent(m *Manifest, f *finding) error {
	if m == nil {
		return nil
	}
	d := m.Database
	switch {
	case f.head.Revision != d.Revision, f.head.CompactRevision != d.CompactRevision:
		return fmt.Errorf("%w: it is at revision %d (compacted %d), its manifest says %d (%d)",
			ErrDamaged, f.head.Revision, f.head.CompactRevision, d.Revision, d.CompactRevision)
	case f.content != nil && d.HashKV != nil && f.content.HashKV != *d.HashKV:
		return fmt.Errorf("%w: its content hash is %d, its manifest says %d", ErrDamaged, f.content.HashKV, *d.HashKV)
	}
	return nil
}
