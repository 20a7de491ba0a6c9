package mvcc

import "bytes"

// object is what can be told of a stored Kubernetes object without its schema. The slices point into the value.
type object struct {
	apiVersion, kind, name, namespace []byte
	// provider encrypted the object; nothing else is known then.
	provider []byte
}

// The prefixes of stored objects. Anything else is JSON, or not Kubernetes.
var (
	protobufPrefix  = []byte("k8s\x00")
	encryptedPrefix = []byte("k8s:enc:")
	// cborPrefix is the tag "self-described CBOR"; custom resources may be stored so since Kubernetes 1.32, if asked.
	cborPrefix = []byte("\xd9\xd9\xf7")
)

// parseObject reports whether the value is a stored Kubernetes object, and what it says of itself. Objects that are
// garbage inside are nobody's: false.
func parseObject(value []byte) (object, bool) {
	if body, ok := bytes.CutPrefix(value, protobufPrefix); ok {
		return parseUnknown(body)
	}
	if body, ok := bytes.CutPrefix(value, encryptedPrefix); ok {
		provider, _, ok := bytes.Cut(body[:min(len(body), 64)], []byte(":"))
		return object{provider: provider}, ok && len(provider) > 0
	}
	if bytes.HasPrefix(value, cborPrefix) {
		return object{}, true
	}
	return parseJSONObject(value)
}

// parseUnknown reads a runtime.Unknown, the envelope of protobuf objects:
//
//	1 typeMeta {1 apiVersion, 2 kind}, 2 raw {1 metadata {1 name, 3 namespace}}, 3 …
//
// Field 1 of every object is its ObjectMeta.
func parseUnknown(b []byte) (object, bool) {
	var o object
	ok := eachField(b, func(field uint64, typeMetaOrRaw []byte) bool {
		switch field {
		case 1:
			return eachField(typeMetaOrRaw, func(field uint64, text []byte) bool {
				switch field {
				case 1:
					o.apiVersion = text
				case 2:
					o.kind = text
				}
				return true
			})
		case 2:
			o.setMeta(typeMetaOrRaw)
		}
		return true
	})
	return o, ok && len(o.apiVersion) > 0 && len(o.kind) > 0
}

// setMeta reads name and namespace, if they are where they should be.
func (o *object) setMeta(raw []byte) {
	eachField(raw, func(field uint64, meta []byte) bool {
		if field != 1 {
			return false
		}
		eachField(meta, func(field uint64, text []byte) bool {
			switch field {
			case 1:
				o.name = text
			case 3:
				o.namespace = text
			}
			return field < 3
		})
		return false
	})
}

// eachField calls fn for each length-prefixed field of a message until fn says false, and reports whether all was read.
func eachField(b []byte, fn func(field uint64, content []byte) bool) bool {
	for len(b) > 0 {
		f, size := nextField(b)
		if size == 0 {
			return false
		}
		b = b[size:]
		if f.tag&7 == wireBytes && !fn(f.tag>>3, f.bytes) {
			return false
		}
	}
	return true
}
