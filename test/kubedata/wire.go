package kubedata

import (
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message that is being written.
type message []byte

// roomy starts one of the larger messages without growing it step by step.
func roomy() message { return make(message, 0, 4<<10) }

func (m message) bytes(field protowire.Number, v []byte) message {
	m = protowire.AppendTag(m, field, protowire.BytesType)
	return protowire.AppendBytes(m, v)
}

func (m message) string(field protowire.Number, v string) message {
	m = protowire.AppendTag(m, field, protowire.BytesType)
	return protowire.AppendString(m, v)
}

func (m message) message(field protowire.Number, v message) message { return m.bytes(field, v) }

func (m message) int(field protowire.Number, v int64) message {
	m = protowire.AppendTag(m, field, protowire.VarintType)
	return protowire.AppendVarint(m, uint64(v))
}

func (m message) bool(field protowire.Number, v bool) message {
	return m.int(field, int64(protowire.EncodeBool(v)))
}

// time writes a meta/v1 Time.
func (m message) time(field protowire.Number, t time.Time) message {
	return m.message(field, message{}.int(1, t.Unix()).int(2, 0))
}

// microTime writes a meta/v1 MicroTime.
func (m message) microTime(field protowire.Number, t time.Time) message {
	return m.message(field, message{}.int(1, t.Unix()).int(2, int64(t.Nanosecond())))
}

// pairs is a string map in the order in which Kubernetes writes it: by key.
type pairs map[string]string

func (p pairs) keys() []string {
	keys := make([]string, 0, len(p))
	for k := range p {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (m message) pairs(field protowire.Number, p pairs) message {
	for _, k := range p.keys() {
		m = m.message(field, message{}.string(1, k).string(2, p[k]))
	}
	return m
}

// typed wraps a built-in object as the API server stores it: runtime.Unknown behind four magic bytes.
func typed(apiVersion, kind string, object message) []byte {
	typeMeta := message{}.string(1, apiVersion).string(2, kind)
	const envelope = 64 // magic, tags and TypeMeta
	m := append(make(message, 0, len(object)+envelope), "k8s\x00"...)
	return m.message(1, typeMeta).message(2, object).string(3, "").string(4, "")
}
