package snapshot

import (
	"context"
	"os"
)

// Unpacked is a bare database in an unnamed temporary file.
type Unpacked struct {
	// File is closed by the caller, which frees its space.
	File *os.File
	Size int64
}

// Unpack decodes a snapshot into a temporary file for reading, and compares its hashes on the way: the payload's own
// and, when m is not nil, the manifest's.
func Unpack(ctx context.Context, src Source, m *Manifest, spoolDir string, progress Progress) (*Unpacked, error) {
	explain := (&verifier{VerifyConfig: VerifyConfig{Source: src}}).explain
	size := unpackedSize(ctx, src, m)
	if err := requireSpace("unpack a snapshot in", 0, claim{spoolDir, size}); err != nil {
		return nil, err
	}
	file, err := newSpool(spoolDir)
	if err != nil {
		return nil, err
	}
	out := newOutput(file, progress.of(PhaseRead, size))
	e := extraction{src: src, manifest: m, spoolDir: spoolDir}
	x, err := e.to(ctx, out, func(context.Context, int64) {})
	if err != nil {
		file.Close()
		return nil, explain(err)
	}
	return &Unpacked{File: file.File, Size: x.size}, nil
}
