package simulated

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/place"
	"github.com/holdfast-dev/holdfast/internal/step"
	"github.com/holdfast-dev/holdfast/internal/step/saving"
)

// targetLimit of a test: a server that does not answer is asked for a while.
const targetLimit = 3 * time.Minute

// testTarget tries a target as real agents do, with their own step: that one needs no etcd. Where none is named it is made up.
func (a *Agent) testTarget(ctx context.Context, target *v1alpha1.S3) (any, error) {
	if target == nil {
		return tried([]string{"write", "list", "read", "delete"}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, targetLimit)
	defer cancel()
	machine := new(v1alpha1.Machine)
	if err := a.get(ctx, machine); err != nil {
		return nil, err
	}
	keys, err := a.keys(ctx, target.CredentialSecretName)
	if err != nil {
		return nil, fmt.Errorf("read the Secret %s: %w", target.CredentialSecretName, err)
	}
	m := &saving.Machine{
		Name: a.Name, ClusterID: machine.Spec.ClusterID,
		Places: place.Places{S3: target, Keys: keys, Host: a.Name, Log: a.Log},
	}
	try, err := m.Make(step.Request{Kind: step.TestTarget})
	if err != nil {
		return nil, err
	}
	return try.Do(ctx, func(string, string) {})
}

// keys reads a Secret with the agent's own rights, which come a little after the plan that names it.
func (a *Agent) keys(ctx context.Context, name string) (place.Keys, error) {
	if name == "" {
		return place.Keys{}, nil
	}
	for {
		var secret corev1.Secret
		err := a.Client.Get(ctx, client.ObjectKey{Namespace: a.Namespace, Name: name}, &secret)
		if err == nil {
			return place.KeysIn(secret.Data), nil
		}
		if !apierrors.IsForbidden(err) || !sleep(ctx, 500*time.Millisecond) {
			return place.Keys{}, err
		}
	}
}
