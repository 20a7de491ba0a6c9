package download

import (
	"net/url"
	"time"
)

// The path on the manager's port: a POST without a body is answered with a [Link], or with a metav1.Status like the
// Kubernetes API's own.
const (
	Path = "/v1/namespaces/{namespace}/etcdsnapshots/{name}/download"

	// Resource and Subresource that the caller must have the right to create.
	Resource    = "etcdsnapshots"
	Subresource = "download"
)

// PathOf a snapshot.
func PathOf(namespace, name string) string {
	return "/v1/namespaces/" + url.PathEscape(namespace) + "/etcdsnapshots/" + url.PathEscape(name) + "/download"
}

// Link is the answer.
type Link struct {
	// URL to GET, ranges too. It needs no credential, so it is to be treated as one.
	URL string `json:"url"`
	// Expires is when requests with it are refused. One that has begun goes on.
	Expires time.Time `json:"expires"`
	// File is the name that the bytes have in the target.
	File string `json:"file"`
	// Location is their S3 URI.
	Location string `json:"location"`
	// Size in bytes.
	Size int64 `json:"size"`
	// SHA256 of the bytes, from the snapshot's manifest; empty for one without.
	SHA256 string `json:"sha256,omitempty"`
	// EndpointCA and SkipSSLVerify are how the cluster's target is trusted.
	EndpointCA    string `json:"endpointCA,omitempty"`
	SkipSSLVerify bool   `json:"skipSSLVerify,omitempty"`
}
