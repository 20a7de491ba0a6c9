package mvcc

import "encoding/binary"

// wireText encodes a length-prefixed field; nested messages are texts too.
func wireText(field int, text string) string {
	b := binary.AppendUvarint(nil, uint64(field)<<3|wireBytes)
	b = binary.AppendUvarint(b, uint64(len(text)))
	return string(b) + text
}

// wireNumber encodes a varint field.
func wireNumber(field int, number uint64) string {
	b := binary.AppendUvarint(nil, uint64(field)<<3|wireVarint)
	return string(binary.AppendUvarint(b, number))
}
