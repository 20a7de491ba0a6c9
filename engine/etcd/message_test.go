package etcd

import (
	"bytes"
	"slices"
	"testing"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// split cuts data into buffers at arbitrary places, empty ones included, as HTTP/2 frames would.
func split(data []byte, cuts []int) mem.BufferSlice {
	slices.Sort(cuts)
	var buffers mem.BufferSlice
	from := 0
	for _, cut := range cuts {
		cut = min(cut, len(data))
		buffers = append(buffers, mem.SliceBuffer(data[from:cut]))
		from = cut
	}
	return append(buffers, mem.SliceBuffer(data[from:]))
}

func TestAMessageReadsTheSameHoweverItIsCutIntoFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &pb.SnapshotResponse{
			RemainingBytes: rapid.Uint64().Draw(t, "remaining"),
			Blob:           rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "blob"),
			Version:        rapid.StringN(0, 10, -1).Draw(t, "version"),
		}
		if rapid.Bool().Draw(t, "header") {
			want.Header = &pb.ResponseHeader{ClusterId: rapid.Uint64().Draw(t, "cluster"), Revision: 7}
		}
		data, err := proto.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		cuts := rapid.SliceOfN(rapid.IntRange(0, len(data)), 0, 20).Draw(t, "cuts")
		var got message
		if err := (snapshotCodec{}).Unmarshal(split(data, cuts), &got); err != nil {
			t.Fatal(err)
		}
		checkMessage(t, &got, want)
	})
}

func checkMessage(t rapid.TB, got *message, want *pb.SnapshotResponse) {
	t.Helper()
	if got.remaining != want.GetRemainingBytes() || got.version != want.GetVersion() {
		t.Fatalf("got %d %q, want %d %q", got.remaining, got.version, want.GetRemainingBytes(), want.GetVersion())
	}
	if blob := bytes.Join(got.blob, nil); !bytes.Equal(blob, want.GetBlob()) || got.size() != len(blob) {
		t.Fatalf("got blob %x (size %d), want %x", blob, got.size(), want.GetBlob())
	}
}

// FuzzMessage compares with the generated code: what this reader accepts, that one reads the same, and nothing makes it
// panic. It refuses more (groups, which etcd never sends).
func FuzzMessage(f *testing.F) {
	for _, m := range []*pb.SnapshotResponse{
		{}, {RemainingBytes: 1 << 40, Blob: []byte("blob"), Version: "3.6.0"}, {Header: &pb.ResponseHeader{Revision: 5}},
	} {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint16(1), uint16(3))
	}
	f.Add([]byte{0x1a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, uint16(0), uint16(9)) // a blob of 2^64-1
	f.Fuzz(func(t *testing.T, data []byte, a, b uint16) {
		var got message
		if err := (snapshotCodec{}).Unmarshal(split(data, []int{int(a), int(b)}), &got); err != nil {
			return
		}
		var want pb.SnapshotResponse
		if err := proto.Unmarshal(data, &want); err != nil {
			// The header is not looked into here.
			if want := withoutHeader(data); want == nil || proto.Unmarshal(want, &pb.SnapshotResponse{}) != nil {
				t.Fatalf("%x was accepted: %v", data, err)
			}
			return
		}
		checkMessage(t, &got, &want)
	})
}

// withoutHeader drops the fields of number 1, or returns nil when the data is not sound.
func withoutHeader(data []byte) []byte {
	rest := []byte{}
	for len(data) > 0 {
		number, _, n := protowire.ConsumeField(data)
		if n < 0 {
			return nil
		}
		if number != 1 {
			rest = append(rest, data[:n]...)
		}
		data = data[n:]
	}
	return rest
}

func TestATornMessageIsAnError(t *testing.T) {
	data, err := proto.Marshal(&pb.SnapshotResponse{RemainingBytes: 1 << 30, Blob: make([]byte, 300), Version: "3.6.0"})
	if err != nil {
		t.Fatal(err)
	}
	whole := map[int]bool{0: true} // a message may end after any of its fields
	for at := 0; at < len(data); {
		_, _, n := protowire.ConsumeField(data[at:])
		at += n
		whole[at] = true
	}
	for n := range data {
		var m message
		if err := (snapshotCodec{}).Unmarshal(split(data[:n], []int{n / 2}), &m); (err == nil) != whole[n] {
			t.Errorf("cut at %d of %d: %v", n, len(data), err)
		}
	}
}

func TestTheCodecServesNoOtherCall(t *testing.T) {
	if _, err := (snapshotCodec{}).Marshal(&pb.StatusRequest{}); err == nil {
		t.Error("it encoded another request")
	}
	if err := (snapshotCodec{}).Unmarshal(nil, &pb.SnapshotResponse{}); err == nil {
		t.Error("it decoded into another message")
	}
}
