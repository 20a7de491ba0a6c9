package simulated

import (
	"fmt"
	"net"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// Connect reaches the manager that a machine has joined, over a connection of its own, as agents on machines do. It asks
// for tokens with the machine's certificate.
func Connect(identity *enroll.Client) (client.WithWatch, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, corev1.AddToScheme, coordinationv1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, err
		}
	}
	config := identity.RESTConfig()
	// client-go shares a connection among all with the same settings. A dialer is never the same as another.
	config.Dial = (&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("reach the manager: %w", err)
	}
	return c, nil
}

// mapper knows the few resources that an agent uses, as a real one's does: it discovers nothing.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	gv := v1alpha1.GroupVersion()
	for _, kind := range []string{"Machine", "MachinePlan"} {
		m.Add(gv.WithKind(kind), meta.RESTScopeNamespace)
	}
	m.AddSpecific(gv.WithKind("MachineInventory"), gv.WithResource("machineinventories"), gv.WithResource("machineinventory"), meta.RESTScopeNamespace)
	m.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	m.Add(coordinationv1.SchemeGroupVersion.WithKind("Lease"), meta.RESTScopeNamespace)
	return m
}
