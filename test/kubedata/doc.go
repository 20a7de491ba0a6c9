// Package kubedata fills an etcd with what a Kubernetes API server would have stored there: pods, config maps, helm
// releases, events with their leases, custom resources, encrypted secrets, in the mix and the sizes of a busy cluster.
//
// Built-in kinds are in the storage encoding ("k8s\x00" and a runtime.Unknown) with their real protobuf field numbers,
// so that Kubernetes' own decoders read them (some empty fields that its encoder would write are left out); custom
// resources are JSON. Everything but lease ids follows from a seed.
// An update changes what a controller would change and leaves the rest: deltas and compression see a real picture,
// with random bytes only where a cluster has them too.
//
// It must not import Kubernetes, nor anything of Holdfast. Start reading at [Fill] and [Generator].
package kubedata
