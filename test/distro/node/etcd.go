package node

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
)

// Member is what a Node says of the etcd member on it.
type Member struct {
	Name, Address string
	Voter         bool
}

// MarkMember writes a member's name, address, label and condition on a Node. It reports whether there is such a Node: an
// agentless server has one only if somebody made it.
func MarkMember(ctx context.Context, c *kube.Clients, f distro.Flavor, node string, m Member, now metav1.Time) (bool, error) {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"annotations": map[string]string{f.EtcdKey("node-name"): m.Name, f.EtcdKey("node-address"): m.Address},
		"labels":      map[string]string{"node-role.kubernetes.io/etcd": "true"},
	}})
	if err != nil {
		return false, err
	}
	n, err := c.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, patch, metav1.PatchOptions{})
	if apierrors.IsNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	condition := corev1.NodeCondition{Type: "EtcdIsVoter", Status: corev1.ConditionFalse, Reason: "MemberIsLearner",
		Message: "Node has not been promoted to voting member of the etcd cluster", LastHeartbeatTime: now, LastTransitionTime: now}
	if m.Voter {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionTrue, "MemberNotLearner", "Node is a voting member of the etcd cluster"
	}
	for _, old := range n.Status.Conditions {
		if old.Type == condition.Type && old.Status == condition.Status {
			return true, nil
		}
	}
	return true, patchStatus(ctx, c, node, corev1.NodeStatus{Conditions: []corev1.NodeCondition{condition}})
}

// Leaving are the members whose Nodes ask that they be removed, by Node. One that was removed is not asked for again until it
// has another name.
func Leaving(ctx context.Context, c *kube.Clients, f distro.Flavor) (map[string]string, error) {
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "node-role.kubernetes.io/etcd=true"})
	if err != nil {
		return nil, err
	}
	leaving := map[string]string{}
	for _, n := range list.Items {
		member := n.Annotations[f.EtcdKey("node-name")]
		if n.Annotations[f.EtcdKey("remove")] == "true" && member != "" && n.Annotations[f.EtcdKey("removed-node-name")] != member {
			leaving[n.Name] = member
		}
	}
	return leaving, nil
}

// MarkRemoved notes on a Node which member was removed.
func MarkRemoved(ctx context.Context, c *kube.Clients, f distro.Flavor, node, member string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, f.EtcdKey("removed-node-name"), member)
	_, err := c.CoreV1().Nodes().Patch(ctx, node, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// ClearRemovals takes the wish to leave etcd from all Nodes: after a restore it is an old one. It returns whose.
func ClearRemovals(ctx context.Context, c *kube.Clients, f distro.Flavor) ([]string, error) {
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: "node-role.kubernetes.io/etcd=true"})
	if err != nil {
		return nil, err
	}
	var cleared []string
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:null,%q:null}}}`, f.EtcdKey("remove"), f.EtcdKey("removed-node-name"))
	for _, n := range list.Items {
		if _, err := c.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, []byte(patch), metav1.PatchOptions{}); err != nil {
			return cleared, err
		}
		cleared = append(cleared, n.Name)
	}
	return cleared, nil
}
