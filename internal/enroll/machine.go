package enroll

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// LeaseSeconds is how long a machine counts as answering after it renewed its Lease.
const LeaseSeconds = 60

// mayHave refuses a name that is another's. It changes nothing: a token must not be used up by a wrong name.
func (s *Server) mayHave(ctx context.Context, g *grant) error {
	machine, err := s.machine(ctx, g.secret.Namespace, g.machine)
	if apierrors.IsNotFound(err) {
		if g.field(tokenMachineUID) != "" {
			return refuse(http.StatusForbidden, "machine %s was deleted: make another join token if it is to come back", g.machine)
		}
		return nil
	}
	if err != nil {
		return err
	}
	identity := machine.Annotations[AnnotationIdentity]
	switch {
	case machine.DeletionTimestamp != nil:
		return refuse(http.StatusServiceUnavailable, "machine %s is being deleted: try again", g.machine)
	case g.field(tokenMachineUID) != "" && g.field(tokenMachineUID) != string(machine.UID):
		return refuse(http.StatusForbidden, "machine %s was deleted and another joined under its name", g.machine)
	case identity != g.keyHash && g.field(tokenReplace) != g.machine:
		return refuse(http.StatusConflict, "machine %s is there already, with another key: choose another name, delete it, or make a join token that replaces it", g.machine)
	case !metav1.IsControlledBy(machine, g.cluster):
		return refuse(http.StatusConflict, "machine %s belongs to another cluster: choose another name", g.machine)
	case !sameRoles(machine.Spec.Roles, g.roles):
		return refuse(http.StatusConflict, "machine %s has roles %v and the join token is for %v: make one for its roles, or delete the machine", g.machine, machine.Spec.Roles, g.roles)
	}
	return nil
}

func sameRoles(a, b []v1alpha1.Role) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func (s *Server) machine(ctx context.Context, namespace, name string) (*v1alpha1.Machine, error) {
	machine := &v1alpha1.Machine{}
	return machine, s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, machine)
}

// makeMachine makes the Machine and everything that its agent uses, or what is missing of it.
func (s *Server) makeMachine(ctx context.Context, g *grant) (*v1alpha1.Machine, error) {
	machine := newMachine(g)
	err := s.client.Create(ctx, machine)
	if apierrors.IsAlreadyExists(err) {
		machine, err = s.takeOver(ctx, g)
	}
	if err != nil {
		return nil, fmt.Errorf("make machine %s: %w", g.machine, err)
	}
	for _, object := range agentObjects(machine, credentialSecret(g.cluster)) {
		if err := s.ensure(ctx, machine, object); err != nil {
			return nil, fmt.Errorf("make %T %s: %w", object, object.GetName(), err)
		}
	}
	return machine, nil
}

// takeOver makes an existing Machine this key's. Tokens for the API that the former key got end with their
// ServiceAccount.
func (s *Server) takeOver(ctx context.Context, g *grant) (*v1alpha1.Machine, error) {
	machine, err := s.machine(ctx, g.secret.Namespace, g.machine)
	if err != nil || machine.Annotations[AnnotationIdentity] == g.keyHash {
		return machine, err
	}
	if g.field(tokenReplace) != g.machine {
		return nil, refuse(http.StatusServiceUnavailable, "machine %s joined a moment ago, with another key: try again", g.machine)
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: machine.Namespace, Name: AgentName(machine.Name)}}
	if err := s.client.Delete(ctx, account); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	metav1.SetMetaDataAnnotation(&machine.ObjectMeta, AnnotationIdentity, g.keyHash)
	return machine, s.client.Update(ctx, machine)
}

// ensure creates an object that the machine owns. One that a deleted machine of the same name left behind is about to
// be collected as garbage, so it gives way. What is the machine's own already stays: controllers may have changed it.
func (s *Server) ensure(ctx context.Context, machine *v1alpha1.Machine, object client.Object) error {
	err := s.client.Create(ctx, object)
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	existing := object.DeepCopyObject().(client.Object)
	err = s.client.Get(ctx, client.ObjectKeyFromObject(object), existing)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return err
	case err == nil && metav1.IsControlledBy(existing, machine):
		return nil
	case err == nil:
		uid := existing.GetUID()
		if err := s.client.Delete(ctx, existing, client.Preconditions{UID: &uid}); client.IgnoreNotFound(err) != nil {
			return err
		}
	}
	return s.client.Create(ctx, object)
}

func newMachine(g *grant) *v1alpha1.Machine {
	m := &v1alpha1.Machine{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: g.secret.Namespace, Name: g.machine,
			Annotations:     map[string]string{AnnotationIdentity: g.keyHash},
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(g.cluster, v1alpha1.GroupVersion().WithKind("Cluster"))},
		},
		Spec: v1alpha1.MachineSpec{
			Roles: g.roles, Distro: g.cluster.Spec.Distro, ClusterID: g.cluster.Status.ID,
			RestoreEpoch: g.cluster.Status.RestoreEpoch, EscrowRecipients: g.cluster.Spec.EscrowRecipients,
		},
	}
	if g.cluster.Spec.Config != nil {
		m.Spec.Config = g.cluster.Spec.Config.Etcd
	}
	return m
}

// agentObjects are what an agent works with besides its Machine.
func agentObjects(machine *v1alpha1.Machine, secret string) []client.Object {
	owned := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{
			Namespace: machine.Namespace, Name: name,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(machine, v1alpha1.GroupVersion().WithKind("Machine"))},
		}
	}
	agent, seconds := AgentName(machine.Name), int32(LeaseSeconds)
	return []client.Object{
		&v1alpha1.MachineInventory{ObjectMeta: owned(machine.Name)},
		&v1alpha1.MachinePlan{ObjectMeta: owned(machine.Name)},
		&coordinationv1.Lease{ObjectMeta: owned(machine.Name), Spec: coordinationv1.LeaseSpec{LeaseDurationSeconds: &seconds}},
		&corev1.ServiceAccount{ObjectMeta: owned(agent)},
		&rbacv1.Role{ObjectMeta: owned(agent), Rules: AgentRules(machine, secret, "")},
		&rbacv1.RoleBinding{
			ObjectMeta: owned(agent),
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: agent},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: machine.Namespace, Name: agent}},
		},
	}
}

func credentialSecret(cluster *v1alpha1.Cluster) string {
	if cluster.Spec.Etcd.S3 == nil {
		return ""
	}
	return cluster.Spec.Etcd.S3.CredentialSecretName
}
