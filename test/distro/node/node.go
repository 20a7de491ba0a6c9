// Package node plays the kubelet: it makes and renews a machine's Node, and checks node passwords. What the distributions
// write on Nodes of etcd members is here too (surface 1).
package node

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/test/distro/kube"
)

const leaseNamespace = "kube-node-lease"

// Machine is what a Node says.
type Machine struct {
	Name, IP, Version string
	Labels            map[string]string
	Taints            []corev1.Taint
	Now               func() time.Time
}

// ParseLabels reads key=value settings.
func ParseLabels(list []string) map[string]string {
	labels := map[string]string{}
	for _, text := range list {
		key, value, _ := strings.Cut(text, "=")
		labels[key] = value
	}
	return labels
}

// ParseTaints reads key=value:Effect settings.
func ParseTaints(list []string) []corev1.Taint {
	var taints []corev1.Taint
	for _, text := range list {
		pair, effect, _ := strings.Cut(text, ":")
		key, value, _ := strings.Cut(pair, "=")
		taints = append(taints, corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)})
	}
	return taints
}

// Register makes the Node, or brings its labels in step, and says that it is ready.
func (m Machine) Register(ctx context.Context, c *kube.Clients) error {
	nodes := c.CoreV1().Nodes()
	labels := map[string]string{"kubernetes.io/hostname": m.Name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	maps.Copy(labels, m.Labels)
	fresh := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: m.Name, Labels: labels}, Spec: corev1.NodeSpec{Taints: m.Taints}}
	_, err := nodes.Create(ctx, fresh, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		var patch []byte
		if patch, err = json.Marshal(map[string]any{"metadata": map[string]any{"labels": labels}}); err == nil {
			_, err = nodes.Patch(ctx, m.Name, types.MergePatchType, patch, metav1.PatchOptions{})
		}
	}
	if err != nil {
		return fmt.Errorf("register node %s: %w", m.Name, err)
	}
	return m.Renew(ctx, c)
}

// Renew says that the machine is alive, in its Lease and in its status.
func (m Machine) Renew(ctx context.Context, c *kube.Clients) error {
	if err := m.renewLease(ctx, c); err != nil {
		return err
	}
	now := metav1.NewTime(m.Now())
	status := corev1.NodeStatus{
		NodeInfo: corev1.NodeSystemInfo{KubeletVersion: m.Version, OperatingSystem: "linux", Architecture: "amd64", ContainerRuntimeVersion: "none://stand-in"},
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: m.IP}, {Type: corev1.NodeHostName, Address: m.Name},
		},
		Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady",
			Message: "kubelet is posting ready status", LastHeartbeatTime: now, LastTransitionTime: now}},
	}
	return patchStatus(ctx, c, m.Name, status)
}

func patchStatus(ctx context.Context, c *kube.Clients, name string, status corev1.NodeStatus) error {
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return err
	}
	_, err = c.CoreV1().Nodes().Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	return err
}

func (m Machine) renewLease(ctx context.Context, c *kube.Clients) error {
	leases, now, seconds := c.CoordinationV1().Leases(leaseNamespace), metav1.NewMicroTime(m.Now()), int32(40)
	lease, err := leases.Get(ctx, m.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: m.Name, Namespace: leaseNamespace},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: &m.Name, LeaseDurationSeconds: &seconds, RenewTime: &now},
		}, metav1.CreateOptions{})
		return err
	} else if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}

// silence is after how long a Node without news is not ready.
const silence = 40 * time.Second

// Judge plays the controller of Nodes: those that say nothing any more are not ready.
func Judge(ctx context.Context, c *kube.Clients, now time.Time) error {
	leases, err := c.CoordinationV1().Leases(leaseNamespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, lease := range leases.Items {
		if lease.Spec.RenewTime == nil || now.Sub(lease.Spec.RenewTime.Time) < silence {
			continue
		}
		n, err := c.CoreV1().Nodes().Get(ctx, lease.Name, metav1.GetOptions{})
		if err != nil || ready(n) == corev1.ConditionUnknown {
			continue
		}
		at := metav1.NewTime(now)
		status := corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionUnknown,
			Reason: "NodeStatusUnknown", Message: "Kubelet stopped posting node status.", LastHeartbeatTime: at, LastTransitionTime: at}}}
		if err := patchStatus(ctx, c, n.Name, status); err != nil {
			return err
		}
	}
	return nil
}

func ready(n *corev1.Node) corev1.ConditionStatus {
	for _, condition := range n.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status
		}
	}
	return ""
}
