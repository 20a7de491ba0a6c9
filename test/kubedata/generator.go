package kubedata

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Generator makes objects. Its methods may be called concurrently.
type Generator struct {
	seed uint64
	// fields remembers managedFields by list of containers: they are long to write, and the same in all pods of an
	// application, whose labels have the same keys.
	fields sync.Map
}

// NewGenerator returns a generator of which everything follows from the seed.
func NewGenerator(seed uint64) *Generator { return &Generator{seed: seed} }

// Object is one key of etcd.
type Object struct {
	Key   string
	Value []byte
	// Leased objects end with a lease: Kubernetes keeps events for an hour.
	Leased bool
}

// kind is one line of the mix.
type kind struct {
	share int // of 100
	build func(*scene) Object
}

// mix is what a cluster of a few thousand pods holds, by number of objects.
func mix() []kind {
	return []kind{
		{42, pod},
		{16, event},
		{12, configMap},
		{9, helmRelease},
		{8, replicaSet},
		{5, endpointSlice},
		{4, customResource},
		{3, lease},
		{1, encryptedSecret},
	}
}

// Object returns object number i after so many updates. The key does not depend on the generation.
func (g *Generator) Object(i, generation int) Object {
	s := g.scene(i, generation)
	n := s.fixed.IntN(100)
	for _, k := range mix() {
		if n < k.share {
			return k.build(s)
		}
		n -= k.share
	}
	panic("the shares of the mix do not add up to 100")
}

// scene is what an object is made of. What is drawn from fixed stays the same over updates; moving changes each time.
type scene struct {
	from           *Generator
	i, generation  int
	fixed, moving  *rand.Rand
	namespace, app string
	uid            string
	created        time.Time
	changed        time.Time
}

// epoch is when the first object was made: a fixed moment, so that a seed always gives the same bytes.
func epoch() time.Time { return time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC) }

func (g *Generator) scene(i, generation int) *scene {
	s := &scene{
		from:       g,
		i:          i,
		generation: generation,
		fixed:      rand.New(rand.NewPCG(g.seed, uint64(i))),
		moving:     rand.New(rand.NewPCG(g.seed^uint64(generation+1)<<32, uint64(i))),
	}
	s.app = pick(s.fixed, apps())
	s.namespace = namespaceOf(s.app, s.fixed.IntN(6))
	s.uid = uid(s.fixed)
	s.created = epoch().Add(time.Duration(i) * 700 * time.Millisecond)
	s.changed = s.created.Add(time.Duration(generation) * 97 * time.Second)
	return s
}

func apps() []string {
	return []string{
		"checkout", "cart", "payments", "catalog", "search-indexer", "session-store", "mail-relay", "report-builder",
		"image-resizer", "ledger", "fraud-scoring", "price-feed", "warehouse-sync", "api-gateway", "audit-trail", "edge-cache",
	}
}

// namespaceOf spreads an application over a few namespaces, the first much more than the others.
func namespaceOf(app string, n int) string {
	if n > 2 {
		return app
	}
	return fmt.Sprintf("%s-%s", app, []string{"staging", "canary", "review-3f2a"}[n])
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// letters is the alphabet of Kubernetes' generated names.
const letters = "bcdfghjklmnpqrstvwxz2456789"

func suffix(r *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

func uid(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

// noise is incompressible, as gzipped and encrypted payloads are.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 8 {
		v := r.Uint64()
		for j := i; j < min(i+8, n); j++ {
			b[j] = byte(v)
			v >>= 8
		}
	}
	return b
}
