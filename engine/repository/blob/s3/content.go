package s3

import (
	"context"
	"io"
)

const (
	// maxParts is S3's limit. plannedParts leaves room for a size hint that was too small.
	maxParts     = 10_000
	plannedParts = 9_000
	// smallest is the first buffer for content of unknown size.
	smallest = 64 << 10
	// partStep keeps grown part sizes round.
	partStep = 1 << 20
)

// partSize is the size of all parts of an object of about that size. They are all of one size because some servers
// insist on it.
func (s *Store) partSize(hint int64) int {
	size := int64(s.cfg.PartSize)
	if hint > size*plannedParts {
		size = (hint/plannedParts/partStep + 1) * partStep
	}
	return int(size)
}

// firstBuffer is as large as the content is expected to be, so that small objects cost little.
func firstBuffer(hint int64, partSize int) []byte {
	size := int64(smallest)
	if hint > 0 {
		size = hint
	}
	return make([]byte, 0, min(size, int64(partSize)))
}

// content reads what is to be stored in parts. It looks one byte ahead, so that it is known of each part whether it is the last.
type content struct {
	ctx   context.Context
	r     io.Reader
	ahead []byte // the byte after the last part, or none
	eof   bool   // r has said so; the byte ahead may have come with it
	ended bool   // the last part was the last one
}

// emptyReads is how often r may give nothing and no error.
const emptyReads = 100

// fill reads until limit bytes are there, or the end, and makes the buffer larger if need be. Only io.EOF is an end:
// io.ReadFull would take the io.ErrUnexpectedEOF of a truncated content for one.
func (c *content) fill(buffer []byte, limit int) ([]byte, error) {
	buffer, c.ahead = append(buffer[:0], c.ahead...), nil
	for len(buffer) < limit && !c.eof {
		if len(buffer) == cap(buffer) {
			larger := make([]byte, len(buffer), min(max(2*cap(buffer), smallest), limit))
			copy(larger, buffer)
			buffer = larger
		}
		n, err := c.read(buffer[len(buffer):min(cap(buffer), limit)])
		buffer = buffer[:len(buffer)+n]
		if err != nil {
			return buffer, err
		}
	}
	if c.eof {
		c.ended = true
		return buffer, nil
	}
	next := make([]byte, 1)
	n, err := c.read(next)
	c.ahead, c.ended = next[:n], n == 0
	return buffer, err
}

// read returns at least a byte, or has ended, or fails.
func (c *content) read(p []byte) (int, error) {
	for range emptyReads {
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := c.r.Read(p)
		if err == io.EOF { // a wrapped one is a failure that tells of an end, not the end
			c.eof = true
			return n, c.ctx.Err()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}
