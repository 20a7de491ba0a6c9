package controller

import (
	"context"
	"fmt"
	"strconv"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
	"github.com/holdfast-dev/holdfast/internal/schedule"
)

// Defaults under Holdfast's own scheduler (requirements C1 and C2).
const (
	defaultCron         = "0 */5 * * *"
	defaultRetention    = 5
	defaultHours        = 12
	defaultRetentionRKE = 6
	// maxJitter spreads the machines of all clusters that begin at the same minute.
	maxJitter = 2 * time.Minute
)

// effective settings of a cluster's machines with etcd. What the distribution's scheduler does is the distribution's
// affair: no defaults of ours apply then.
func effective(c *v1alpha1.Cluster) v1alpha1.MachineSnapshots {
	e := c.Spec.Etcd
	m := v1alpha1.MachineSnapshots{Scheduler: e.SnapshotScheduler, Verify: e.Verify, MinFree: e.MinFree, S3: e.S3.DeepCopy()}
	if m.Scheduler == "" {
		m.Scheduler = v1alpha1.SchedulerDistribution
		if c.Spec.Distro == v1alpha1.DistroEtcd {
			m.Scheduler = v1alpha1.SchedulerHoldfast
		}
	}
	if m.Verify == "" {
		m.Verify = v1alpha1.VerifyRestore
	}
	if e.SafeTimestamp != nil {
		m.SafeTimestamp = *e.SafeTimestamp
	}
	retention := int32(defaultRetention)
	if c.Spec.Distro == v1alpha1.DistroRKE {
		retention = defaultRetentionRKE
	}
	ours := m.Scheduler == v1alpha1.SchedulerHoldfast
	switch {
	case e.SnapshotRetention != nil:
		m.Retention = *e.SnapshotRetention
	case ours:
		m.Retention = retention
	}
	if m.S3 != nil && m.S3.Retention == nil && m.Retention > 0 {
		kept := m.Retention
		m.S3.Retention = &kept
	}
	if !e.DisableSnapshots {
		planned(&m, c, ours)
	}
	return m
}

// planned fills in when snapshots are due.
func planned(m *v1alpha1.MachineSnapshots, c *v1alpha1.Cluster, ours bool) {
	e := c.Spec.Etcd
	m.Cron = e.SnapshotScheduleCron
	if e.SnapshotIntervalHours != nil {
		m.IntervalHours = *e.SnapshotIntervalHours
	}
	if !ours {
		return
	}
	switch {
	case c.Spec.Distro == v1alpha1.DistroRKE && m.IntervalHours == 0:
		m.IntervalHours = defaultHours
	case c.Spec.Distro != v1alpha1.DistroRKE && m.Cron == "":
		m.Cron = defaultCron
	}
	// The moment only matters to irregular schedules, and must not change the settings.
	if every := interval(*m, time.Unix(0, 0)); every > 0 {
		m.Jitter = &metav1.Duration{Duration: min(maxJitter, every/10)}
	}
}

func interval(m v1alpha1.MachineSnapshots, now time.Time) time.Duration {
	if m.IntervalHours > 0 {
		return time.Duration(m.IntervalHours) * time.Hour
	}
	when, err := schedule.Parse(m.Cron)
	if err != nil {
		return 0
	}
	first := when.Next(now)
	return when.Next(first).Sub(first)
}

// instruct writes the settings in force to each Machine, tells its agent so, and keeps that one's right to read Secrets in
// step: the S3 credentials, and what the operation that its plan serves was given.
func (r *clusters) instruct(ctx context.Context, c *v1alpha1.Cluster, s *situation) error {
	if !s.only {
		return nil
	}
	for i := range s.machines {
		m := &s.machines[i]
		if m.DeletionTimestamp != nil {
			continue
		}
		spec, err := r.machineSpec(ctx, c, m)
		if err != nil {
			return err
		}
		if !equality.Semantic.DeepEqual(spec, m.Spec) {
			m = m.DeepCopy()
			m.Spec = spec
			if err := r.Update(ctx, m); err != nil {
				return fmt.Errorf("instruct machine %s: %w", m.Name, err)
			}
		}
		var plan v1alpha1.MachinePlan
		if err := r.Get(ctx, client.ObjectKeyFromObject(m), &plan); err != nil {
			if client.IgnoreNotFound(err) == nil {
				continue // enrolment is still making it, and it brings us back
			}
			return err
		}
		// An agent that is told reads at once what it was told of.
		if err := r.grant(ctx, c, m, &plan); err != nil {
			return fmt.Errorf("rights of machine %s: %w", m.Name, err)
		}
		if err := r.tell(ctx, m, &plan); err != nil {
			return fmt.Errorf("tell machine %s of its settings: %w", m.Name, err)
		}
	}
	return nil
}

// tell has the machine's agent read its Machine, unless it was told of this generation before.
func (r *clusters) tell(ctx context.Context, m *v1alpha1.Machine, plan *v1alpha1.MachinePlan) error {
	generation := strconv.FormatInt(m.Generation, 10)
	if plan.Annotations[enroll.AnnotationGeneration] == generation {
		return nil
	}
	told := plan.DeepCopy()
	metav1.SetMetaDataAnnotation(&told.ObjectMeta, enroll.AnnotationGeneration, generation)
	return client.IgnoreNotFound(r.Patch(ctx, told, client.MergeFrom(plan)))
}

func (r *clusters) machineSpec(ctx context.Context, c *v1alpha1.Cluster, m *v1alpha1.Machine) (v1alpha1.MachineSpec, error) {
	spec := v1alpha1.MachineSpec{
		Roles: m.Spec.Roles, Distro: c.Spec.Distro, ClusterID: c.Status.ID, RestoreEpoch: m.Spec.RestoreEpoch,
		EscrowRecipients: c.Spec.EscrowRecipients,
	}
	if c.Spec.Config != nil {
		spec.Config = c.Spec.Config.Etcd
	}
	if isEtcd(m) {
		settings := effective(c)
		spec.Snapshots = &settings
	}
	if spec.RestoreEpoch >= c.Status.RestoreEpoch {
		return spec, nil
	}
	// A machine that takes part in a restore gets its epoch from the restore's last step. Told before, it would take
	// its new data for old.
	var plan v1alpha1.MachinePlan
	err := r.live.Get(ctx, client.ObjectKeyFromObject(m), &plan)
	if client.IgnoreNotFound(err) != nil {
		return spec, err
	}
	if op := plan.Spec.Operation; op == nil || op.Kind != "EtcdSnapshotRestore" || m.Status.RestoreEpoch >= c.Status.RestoreEpoch {
		spec.RestoreEpoch = c.Status.RestoreEpoch
	}
	return spec, nil
}

// secretOf is the Secret of the operation that a plan serves; none as a rule.
func secretOf(plan *v1alpha1.MachinePlan) string {
	if plan.Spec.Operation == nil {
		return ""
	}
	return plan.Spec.Operation.SecretName
}

func (r *clusters) grant(ctx context.Context, c *v1alpha1.Cluster, m *v1alpha1.Machine, plan *v1alpha1.MachinePlan) error {
	secret := ""
	if c.Spec.Etcd.S3 != nil {
		secret = c.Spec.Etcd.S3.CredentialSecretName
	}
	var role rbacv1.Role
	err := r.Get(ctx, client.ObjectKey{Namespace: m.Namespace, Name: enroll.AgentName(m.Name)}, &role)
	if err != nil {
		return client.IgnoreNotFound(err) // enrolment is still making it
	}
	rules := enroll.AgentRules(m, secret, secretOf(plan))
	if equality.Semantic.DeepEqual(rules, role.Rules) || !metav1.IsControlledBy(&role, m) {
		return nil
	}
	changed := role.DeepCopy()
	changed.Rules = rules
	return r.Update(ctx, changed)
}
