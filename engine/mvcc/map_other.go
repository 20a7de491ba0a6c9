//go:build !unix

package mvcc

import (
	"errors"
	"os"
)

// etcd is served, and so backed up, on Unix systems alone.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return errors.ErrUnsupported }
