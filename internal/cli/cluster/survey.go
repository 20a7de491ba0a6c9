package cluster

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
)

// surveyed is what a running cluster says of itself.
type surveyed struct {
	// distro and version are those of the first server; empty when none tells.
	distro  v1alpha1.Distro
	version string
	nodes   []surveyedNode
}

type surveyedNode struct {
	name  string
	roles []v1alpha1.Role
}

// surveyTimeout bounds the one question.
const surveyTimeout = 30 * time.Second

// survey asks a cluster for its Nodes. It needs no more than the right to list them.
func survey(ctx context.Context, kubeconfig string) (*surveyed, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, problem.File("read the kubeconfig of the cluster", kubeconfig, "--from", err)
	}
	config.Timeout = surveyTimeout
	api, err := typed.NewForConfig(config)
	if err != nil {
		return nil, problem.File("read the kubeconfig of the cluster", kubeconfig, "--from", err)
	}
	list, err := api.Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, &problem.Error{
			Kind: problem.Unreachable, Op: "list the Nodes of the cluster at", Subject: config.Host, Err: err,
			Next: "correct --from, or register the cluster without it: holdfast cluster create",
		}
	}
	return surveyOf(list.Items), nil
}

// surveyOf puts servers before workers: what they run first is what counts.
func surveyOf(nodes []core.Node) *surveyed {
	s := &surveyed{}
	for i := range nodes {
		s.nodes = append(s.nodes, surveyedNode{name: nodes[i].Name, roles: rolesOf(nodes[i].Labels)})
	}
	slices.SortStableFunc(s.nodes, func(a, b surveyedNode) int { return cmp.Or(rank(a.roles)-rank(b.roles), cmp.Compare(a.name, b.name)) })
	for _, n := range s.nodes {
		i := slices.IndexFunc(nodes, func(node core.Node) bool { return node.Name == n.name })
		version := nodes[i].Status.NodeInfo.KubeletVersion
		for _, d := range []v1alpha1.Distro{v1alpha1.DistroK3s, v1alpha1.DistroRKE2} {
			if s.distro == "" && strings.Contains(version, "+"+string(d)) {
				s.distro, s.version = d, version
			}
		}
	}
	return s
}

// rolesOf a Node, by the labels that the distribution gives it. A server runs workloads, too, which is no role of its own.
func rolesOf(labels map[string]string) []v1alpha1.Role {
	var roles []v1alpha1.Role
	for _, r := range []v1alpha1.Role{v1alpha1.RoleEtcd, v1alpha1.RoleControlPlane} {
		if labels["node-role.kubernetes.io/"+string(r)] == "true" {
			roles = append(roles, r)
		}
	}
	if len(roles) == 0 {
		roles = append(roles, v1alpha1.RoleWorker)
	}
	return roles
}

func rank(roles []v1alpha1.Role) int {
	return slices.Index([]v1alpha1.Role{v1alpha1.RoleEtcd, v1alpha1.RoleControlPlane, v1alpha1.RoleWorker}, roles[0])
}
