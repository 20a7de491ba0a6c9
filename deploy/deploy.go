// Package deploy holds what has to be in a Kubernetes API server before Holdfast can use it: the resource definitions,
// the roles and the admission policies. They are plain manifests, for kubectl as for holdfast-server.
//
// The definitions in crds are generated from api/v1alpha1; the rest is written by hand.
package deploy

import "embed"

// Manifests in the order of their folders' names: crds, policies, rbac.
//
//go:embed crds policies rbac
var Manifests embed.FS
