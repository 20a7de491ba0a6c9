package etcd

import (
	"errors"
	"fmt"
	"unicode/utf8"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// message is one SnapshotResponse, taken apart in place: its blob stays in the buffers that gRPC read it into from the
// connection. The generated code copies each blob twice and allocates for both, which is more than half of what
// receiving a snapshot costs, on a machine that often runs the server too.
type message struct {
	// remaining is how many bytes of the database are still to come.
	remaining uint64
	// version is the storage version; "" before etcd 3.6.
	version string
	// blob is the payload in order, in as many pieces as there were HTTP/2 frames. Valid until release.
	blob [][]byte

	buffers mem.BufferSlice
}

// release gives the buffers back.
func (m *message) release() {
	m.buffers.Free()
	m.buffers = nil
	clear(m.blob)
	m.blob = m.blob[:0]
	m.remaining = 0
}

func (m *message) size() int {
	n := 0
	for _, piece := range m.blob {
		n += len(piece)
	}
	return n
}

// snapshotCodec is used for the one call that opens a snapshot stream: its request has no fields, its responses are
// read as message.
type snapshotCodec struct{}

// Name makes the content type what every etcd expects.
func (snapshotCodec) Name() string { return "proto" }

func (snapshotCodec) Marshal(v any) (mem.BufferSlice, error) {
	if _, ok := v.(*pb.SnapshotRequest); !ok {
		return nil, fmt.Errorf("encode %T: not a snapshot request", v)
	}
	return nil, nil
}

func (snapshotCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("decode into %T: not a snapshot message", v)
	}
	data.Ref() // gRPC lets go of its reference when this returns
	m.buffers = data
	if err := m.parse(); err != nil {
		m.release()
		return err
	}
	return nil
}

// The fields of SnapshotResponse in etcd's rpc.proto. Field 1, the header, is never set by a server.
const (
	fieldRemaining = 2
	fieldBlob      = 3
	fieldVersion   = 4
)

var errMalformed = errors.New("malformed snapshot message")

// parse trusts nothing: a message that is cut short or nonsensical is an error.
func (m *message) parse() error {
	c := cursor{buffers: m.buffers}
	for c.more() {
		tag, err := c.varint()
		if err != nil {
			return err
		}
		number, kind := protowire.DecodeTag(tag)
		if !number.IsValid() {
			return fmt.Errorf("%w: field number %d", errMalformed, number)
		}
		if err := m.field(&c, number, kind); err != nil {
			return err
		}
	}
	return nil
}

// field reads one field. As in any protobuf reader the last one of a kind counts, and unknown ones are skipped.
func (m *message) field(c *cursor, number protowire.Number, kind protowire.Type) (err error) {
	switch kind {
	case protowire.VarintType:
		var v uint64
		if v, err = c.varint(); err == nil && number == fieldRemaining {
			m.remaining = v
		}
	case protowire.Fixed64Type:
		err = c.take(8, nil)
	case protowire.Fixed32Type:
		err = c.take(4, nil)
	case protowire.BytesType:
		var length uint64
		if length, err = c.varint(); err == nil {
			err = m.bytes(c, number, length)
		}
	default:
		err = fmt.Errorf("%w: wire type %d", errMalformed, kind)
	}
	return err
}

func (m *message) bytes(c *cursor, number protowire.Number, length uint64) error {
	switch number {
	case fieldBlob:
		m.blob = m.blob[:0]
		return c.take(length, func(piece []byte) { m.blob = append(m.blob, piece) })
	case fieldVersion:
		var text []byte
		if err := c.take(length, func(piece []byte) { text = append(text, piece...) }); err != nil {
			return err
		}
		if !utf8.Valid(text) {
			return fmt.Errorf("%w: the version is not UTF-8", errMalformed)
		}
		if m.version != string(text) { // compared in place: all messages of a stream carry the same
			m.version = string(text)
		}
		return nil
	}
	return c.take(length, nil)
}

// cursor reads across the borders of buffers.
type cursor struct {
	buffers mem.BufferSlice
	next    int    // index of the buffer after head
	head    []byte // rest of the present buffer
}

// more says whether anything is left, and moves on to it.
func (c *cursor) more() bool {
	for len(c.head) == 0 {
		if c.next == len(c.buffers) {
			return false
		}
		c.head = c.buffers[c.next].ReadOnlyData()
		c.next++
	}
	return true
}

// take hands out the next length bytes piece by piece; nil just skips them.
func (c *cursor) take(length uint64, hand func([]byte)) error {
	for length > 0 {
		if !c.more() {
			return fmt.Errorf("%w: cut short", errMalformed)
		}
		n := min(length, uint64(len(c.head)))
		if hand != nil {
			hand(c.head[:n:n])
		}
		c.head = c.head[n:]
		length -= n
	}
	return nil
}

func (c *cursor) varint() (uint64, error) {
	if c.more() {
		if v, n := protowire.ConsumeVarint(c.head); n > 0 {
			c.head = c.head[n:]
			return v, nil
		}
	}
	// Rare: it crosses a border, or is broken.
	var joined []byte
	for len(joined) < maxVarint && c.more() {
		joined = append(joined, c.head[0])
		c.head = c.head[1:]
		if joined[len(joined)-1] < 0x80 {
			break
		}
	}
	v, n := protowire.ConsumeVarint(joined)
	if n < 0 {
		return 0, fmt.Errorf("%w: %w", errMalformed, protowire.ParseError(n))
	}
	return v, nil
}

// maxVarint is the longest encoding of a 64-bit varint.
const maxVarint = 10
