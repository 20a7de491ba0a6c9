package agent

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/repository"
)

// metrics of one agent. docs and alert rules name them: a name never changes its meaning.
type metrics struct {
	registry                               *prometheus.Registry
	complete, proven, size, duration, held *prometheus.GaugeVec
	failures                               prometheus.Counter
	manager                                prometheus.Gauge
	dbSize, dbInUse                        prometheus.Gauge
	asideSets, asideSize                   prometheus.Gauge
}

func newMetrics(r *prometheus.Registry) *metrics {
	gauge := func(name, help string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "holdfast", Name: name, Help: help})
		r.MustRegister(g)
		return g
	}
	vector := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "holdfast", Name: name, Help: help}, labels)
		r.MustRegister(g)
		return g
	}
	m := &metrics{
		registry: r,
		complete: vector("snapshot_last_complete_timestamp_seconds", "When the newest complete snapshot was taken.", "place"),
		proven:   vector("snapshot_last_proven_timestamp_seconds", "When the newest snapshot was taken that stood a trial restore.", "place"),
		size:     vector("snapshot_last_size_bytes", "Size of the newest snapshot, as stored.", "place"),
		duration: vector("snapshot_last_duration_seconds", "How long the newest snapshot took, with all tests and copies.", "place"),
		held:     vector("snapshots", "Snapshots that this machine holds or has copied.", "place", "state"),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Namespace: "holdfast", Name: "snapshot_failures_total", Help: "Recurring snapshots that were due and were not taken."}),
		manager:  gauge("agent_manager_up", "1 while the agent follows its manager, 0 while it can't."),
		dbSize:   gauge("etcd_db_size_bytes", "Size of the member's database file."),
		dbInUse:  gauge("etcd_db_in_use_bytes", "Part of the database file that holds data."),

		asideSets: gauge("aside_sets", "Operations whose old data is kept beside the new."),
		asideSize: gauge("aside_bytes", "Size of the old data that is kept beside the new."),
	}
	r.MustRegister(m.failures)
	return m
}

func (m *metrics) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	return mux
}

func (m *metrics) managerUp()   { m.manager.Set(1) }
func (m *metrics) managerDown() { m.manager.Set(0) }

func (m *metrics) aside(sets int, size int64) {
	m.asideSets.Set(float64(sets))
	m.asideSize.Set(float64(size))
}

func placeOf(f v1alpha1.SnapshotFile) string {
	if f.Location[0] == '/' {
		return "local"
	}
	return "s3"
}

func (m *metrics) saved(f v1alpha1.SnapshotFile, took time.Duration) {
	m.duration.WithLabelValues(placeOf(f)).Set(took.Seconds())
	m.saw(f)
}

func (m *metrics) saw(f v1alpha1.SnapshotFile) {
	where := placeOf(f)
	at := float64(f.Created.Unix())
	if repository.State(f.State).Good() || f.State == v1alpha1.StateProven {
		m.complete.WithLabelValues(where).Set(at)
		m.size.WithLabelValues(where).Set(float64(f.Size))
	}
	if f.State == v1alpha1.StateRestored || f.State == v1alpha1.StateProven {
		m.proven.WithLabelValues(where).Set(at)
	}
}

// sawFiles takes the whole inventory, the newest first.
func (m *metrics) sawFiles(files []v1alpha1.SnapshotFile) {
	m.held.Reset()
	for i := len(files) - 1; i >= 0; i-- {
		m.saw(files[i])
		m.held.WithLabelValues(placeOf(files[i]), string(files[i].State)).Inc()
	}
}

func (m *metrics) sawMember(e *v1alpha1.EtcdMember) {
	if e.Size != nil && e.InUse != nil {
		m.dbSize.Set(float64(e.Size.Value()))
		m.dbInUse.Set(float64(e.InUse.Value()))
	}
}
