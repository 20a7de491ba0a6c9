package controller

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// The metrics of the manager. Their labels name clusters, never machines, files or operations: a fleet's number of series
// grows with its clusters alone.
var (
	labels       = []string{"namespace", "cluster"}
	lastComplete = prometheus.NewDesc("holdfast_cluster_last_complete_timestamp_seconds",
		"When the newest complete snapshot of the cluster was taken; absent when there is none.", labels, nil)
	lastProven = prometheus.NewDesc("holdfast_cluster_last_proven_timestamp_seconds",
		"When the newest proven snapshot of the cluster was taken; absent when there is none.", labels, nil)
	created = prometheus.NewDesc("holdfast_cluster_created_timestamp_seconds", "When the cluster was registered.", labels, nil)
	count   = prometheus.NewDesc("holdfast_cluster_machines", "Machines of the cluster, by what is counted.",
		append([]string{"of"}, labels...), nil)
	condition = prometheus.NewDesc("holdfast_cluster_condition", "1 while the condition is true, else 0.",
		append([]string{"condition"}, labels...), nil)
	running = prometheus.NewDesc("holdfast_cluster_operation_started_timestamp_seconds",
		"When the running operation got the cluster; absent when none runs.", append([]string{"kind"}, labels...), nil)
)

func newOperationsEnded() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "holdfast_operations_ended_total", Help: "Operations that ended, by kind and phase.",
	}, []string{"kind", "phase"})
}

// metricsTimeout bounds the reading of the cache for a scrape.
const metricsTimeout = 10 * time.Second

func (k *kit) addMetrics(manager.Manager) error {
	for _, c := range []prometheus.Collector{clusterMetrics{k}, k.operationsEnded} {
		if err := k.Metrics.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// clusterMetrics reads the clusters at each scrape, so that one that was deleted leaves nothing.
type clusterMetrics struct{ *kit }

// Describe implements prometheus.Collector.
func (clusterMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{lastComplete, lastProven, created, count, condition, running} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m clusterMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), metricsTimeout)
	defer cancel()
	var all v1alpha1.ClusterList
	if err := m.List(ctx, &all); err != nil {
		to <- prometheus.NewInvalidMetric(lastComplete, err)
		return
	}
	for i := range all.Items {
		collect(to, &all.Items[i])
	}
}

func collect(to chan<- prometheus.Metric, c *v1alpha1.Cluster) {
	gauge := func(d *prometheus.Desc, value float64, more ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append(more, c.Namespace, c.Name)...)
	}
	gauge(created, float64(c.CreationTimestamp.Unix()))
	if s := c.Status.LastComplete; s != nil {
		gauge(lastComplete, float64(s.Created.Unix()))
	}
	if s := c.Status.LastProven; s != nil {
		gauge(lastProven, float64(s.Created.Unix()))
	}
	gauge(count, float64(c.Status.Machines.Total), "total")
	gauge(count, float64(c.Status.Machines.Etcd), "etcd")
	gauge(count, float64(c.Status.Machines.Answering), "answering")
	for _, kind := range []string{
		v1alpha1.ClusterReady, v1alpha1.ClusterProtected, v1alpha1.ClusterScheduled, v1alpha1.ClusterOffsite,
		v1alpha1.ClusterEscrowed, v1alpha1.ClusterDrifted,
	} {
		value := 0.0
		if meta.IsStatusConditionTrue(c.Status.Conditions, kind) {
			value = 1
		}
		gauge(condition, value, kind)
	}
	if op := c.Status.Operation; op != nil && op.Started != nil {
		gauge(running, float64(op.Started.Unix()), op.Kind)
	}
}
