package mvcc

import "hash/crc32"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// tailCRC computes the CRC-32C of a sequence of which the last part comes first.
//
// HashKV takes the records in ascending order, but which of them count is known only to who has seen the newer ones.
// Reading them backwards and joining the sums costs one pass over the file instead of two.
type tailCRC struct {
	data []byte
	// crc and size describe what has been summed up: the end of the sequence.
	crc  uint32
	size int64
	// runs is what comes directly before that, the last first, as ranges of data. They are summed up together,
	// because joining two sums costs about as much as summing up a page.
	runs [256]run
	n    int
}

type run struct{ start, end int64 }

// prepend puts data[start:end] before all that was added until now.
func (t *tailCRC) prepend(start, end int64) {
	if t.n > 0 && t.runs[t.n-1].start == end {
		t.runs[t.n-1].start = start
		return
	}
	if t.n == len(t.runs) {
		t.flush()
	}
	t.runs[t.n] = run{start, end}
	t.n++
}

func (t *tailCRC) flush() {
	var crc uint32
	var size int64
	for t.n > 0 {
		t.n--
		r := t.runs[t.n]
		crc = crc32.Update(crc, castagnoli, t.data[r.start:r.end])
		size += r.end - r.start
	}
	t.crc = joinCRC(crc, t.crc, t.size)
	t.size += size
}

// sum returns the CRC-32C of head and everything that was added.
func (t *tailCRC) sum(head []byte) uint32 {
	t.flush()
	return joinCRC(crc32.Checksum(head, castagnoli), t.crc, t.size)
}

// joinCRC returns the CRC-32C of a and b together from those of each and the length of b.
//
// A CRC is the remainder of a polynomial over GF(2), and b's bytes move a's by 8 x length of b places: a is multiplied
// by x to that power. The inversions before and after cancel out.
func joinCRC(a, b uint32, sizeB int64) uint32 {
	return multiply(a, power(8*uint64(sizeB))) ^ b
}

// Polynomials are written with the coefficient of x^0 in the highest bit, as CRC-32C does.
const (
	polynomialOne = 1 << 31
	polynomialX   = 1 << 30
)

// multiply returns a*b modulo the polynomial of CRC-32C.
func multiply(a, b uint32) uint32 {
	var product uint32
	for ; a != 0; a <<= 1 {
		if a&polynomialOne != 0 {
			product ^= b
		}
		b = b>>1 ^ crc32.Castagnoli&-(b&1)
	}
	return product
}

// power returns x^n modulo the polynomial of CRC-32C.
func power(n uint64) uint32 {
	result, square := uint32(polynomialOne), uint32(polynomialX)
	for ; n > 0; n >>= 1 {
		if n&1 != 0 {
			result = multiply(result, square)
		}
		square = multiply(square, square)
	}
	return result
}
