// Package kustomize puts the manager on a Kubernetes that is somebody's, as deploy/kustomization.yaml describes it, and uses
// it: a stock API server says what of it is valid, allowed and refused.
//
// There is no node, so no pod runs. What a pod would run is run beside the API server: the files of the image, in a directory
// that is all the program sees, as the user, with the arguments and with the ServiceAccount's token that the Deployment
// names. What is left out is the kubelet's part: probes, the address from the ConfigMap that is missing, the network.
//
// It holds no code; start reading at its tests.
package kustomize
