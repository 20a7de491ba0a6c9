// Package record keeps the records of snapshots in Kubernetes: ETCDSnapshotFile objects, their events, and the ConfigMap of
// old (surface 5), with the delays and deletions that make them an untrue catalogue.
package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

const (
	apiVersion = "k3s.cattle.io/v1"
	kind       = "ETCDSnapshotFile"
	finalizer  = "wrangler.cattle.io/managed-etcd-snapshots-controller"
)

func gvr() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "k3s.cattle.io", Version: "v1", Resource: "etcdsnapshotfiles"}
}

// File is an ETCDSnapshotFile.
type File struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   Meta   `json:"metadata"`
	Spec       Spec   `json:"spec"`
	Status     Status `json:"status"`
}

// Meta is what the distributions set of an object's metadata.
type Meta struct {
	Name              string            `json:"name"`
	Labels            map[string]string `json:"labels,omitempty"`
	Annotations       map[string]string `json:"annotations,omitempty"`
	Finalizers        []string          `json:"finalizers,omitempty"`
	DeletionTimestamp *string           `json:"deletionTimestamp,omitempty"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	UID               string            `json:"uid,omitempty"`
}

// Spec says which file, and where.
type Spec struct {
	SnapshotName string            `json:"snapshotName"`
	NodeName     string            `json:"nodeName"`
	Location     string            `json:"location"`
	Metadata     map[string]string `json:"metadata,omitempty"`
	S3           *S3               `json:"s3,omitempty"`
}

// S3 is the place of a copy, without credentials.
type S3 struct {
	Endpoint      string `json:"endpoint,omitempty"`
	EndpointCA    string `json:"endpointCA,omitempty"`
	SkipSSLVerify bool   `json:"skipSSLVerify,omitempty"`
	Bucket        string `json:"bucket,omitempty"`
	BucketLookup  string `json:"bucketLookup,omitempty"`
	Region        string `json:"region,omitempty"`
	Prefix        string `json:"prefix,omitempty"`
	Insecure      bool   `json:"insecure,omitempty"`
}

// Status says how it went.
type Status struct {
	Size         string   `json:"size,omitempty"`
	CreationTime string   `json:"creationTime,omitempty"`
	ReadyToUse   bool     `json:"readyToUse"`
	Error        *Failure `json:"error,omitempty"`
}

// Failure is why there is no copy.
type Failure struct {
	Time    string `json:"time,omitempty"`
	Message string `json:"message,omitempty"`
}

// List is what "ls -o json" prints.
type List struct {
	Kind       string         `json:"kind"`
	APIVersion string         `json:"apiVersion"`
	Metadata   map[string]any `json:"metadata"`
	Items      []File         `json:"items"`
}

// NewList names its items as the ConfigMap does, not as the objects.
func NewList(f distro.Flavor, entries []snapshot.Entry) List {
	list := List{Kind: "List", APIVersion: "v1", Metadata: map[string]any{}, Items: []File{}}
	for _, e := range entries {
		file := newFile(f, e)
		file.Metadata = Meta{Name: e.Key(), Labels: file.Metadata.Labels}
		list.Items = append(list.Items, file)
	}
	return list
}

func newFile(f distro.Flavor, e snapshot.Entry) File {
	file := File{
		APIVersion: apiVersion, Kind: kind,
		Metadata: Meta{Name: name(e), Finalizers: []string{finalizer}, Labels: map[string]string{f.EtcdKey("snapshot-storage-node"): e.Storage()}},
		Spec:     Spec{SnapshotName: e.Name, NodeName: e.NodeName, Location: e.Location, Metadata: e.Metadata},
		Status: Status{
			Size: resource.NewQuantity(e.Size, resource.DecimalSI).String(), CreationTime: e.Created.UTC().Format(time.RFC3339),
			ReadyToUse: e.Failed == "",
		},
	}
	if e.TokenHash != "" {
		file.Metadata.Annotations = map[string]string{f.EtcdKey("snapshot-token-hash"): e.TokenHash}
	}
	if e.Failed != "" {
		file.Status.Error = &Failure{Time: file.Status.CreationTime, Message: e.Failed}
	}
	if s := e.S3; s != nil {
		file.Spec.S3 = &S3{Endpoint: s.Endpoint, EndpointCA: s.EndpointCA, SkipSSLVerify: s.SkipSSLVerify, Bucket: s.Bucket,
			BucketLookup: s.BucketLookup, Region: s.Region, Prefix: s.Folder, Insecure: s.Insecure}
	}
	return file
}

var (
	dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	notKey  = regexp.MustCompile(`[^-._a-zA-Z0-9]`)
)

// name is the object's: the file's if that is a name that Kubernetes takes, with the hash of where it is.
func name(e snapshot.Entry) string {
	sum := sha256.Sum256([]byte(e.NodeName + e.Location))
	base := strings.ToLower(e.Name)
	if !dnsName.MatchString(e.Name) {
		base = fmt.Sprintf("etcd-snapshot-%s-%d", e.NodeName, e.Created.Unix())
		if e.Compressed {
			base += ".zip"
		}
	}
	prefix := "local-"
	if e.S3 != nil {
		prefix = "s3-"
	}
	return prefix + base + "-" + hex.EncodeToString(sum[:])[:6]
}

// configMapKey is the entry's key in the ConfigMap of old.
func configMapKey(e snapshot.Entry) string { return notKey.ReplaceAllString(e.Key(), "_") }

// Bytes is a record's size.
func Bytes(f File) (int64, error) {
	q, err := resource.ParseQuantity(f.Status.Size)
	return q.Value(), err
}
