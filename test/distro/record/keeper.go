package record

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// How long records without a file are kept.
const (
	keepFailed = 24 * time.Hour
	keepS3     = time.Minute
)

// Keeper keeps the records of one node's snapshots, and of S3's.
type Keeper struct {
	Flavor   distro.Flavor
	NodeName string
	// Clients waits until there is an API server.
	Clients func(context.Context) (*kube.Clients, error)
	Log     *logrus.Logger
	Now     func() time.Time
	// Stamps are annotated on the Node when records were reconciled; an agentless server does not.
	Stamps bool
}

// Saved makes the record of a copy that was tried.
func (k *Keeper) Saved(ctx context.Context, e snapshot.Entry) {
	c, err := k.Clients(ctx)
	if err == nil {
		err = k.put(ctx, c, e)
	}
	if err != nil {
		k.Log.Errorf("Failed to record snapshot %s: %v", e.Name, err)
	}
}

func (k *Keeper) put(ctx context.Context, c *kube.Clients, e snapshot.Entry) error {
	object, err := toObject(newFile(k.Flavor, e))
	if err != nil {
		return err
	}
	files := c.Dynamic.Resource(gvr())
	created, err := files.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		var old *unstructured.Unstructured
		if old, err = files.Get(ctx, object.GetName(), metav1.GetOptions{}); err == nil {
			object.SetResourceVersion(old.GetResourceVersion())
			created, err = files.Update(ctx, object, metav1.UpdateOptions{})
		}
	}
	if err != nil {
		return err
	}
	if len(e.Metadata) > 0 {
		if err := k.remember(ctx, c, e); err != nil {
			return err
		}
	}
	reason, kind, text := "ETCDSnapshotCreated", corev1.EventTypeNormal, fmt.Sprintf("Snapshot %s saved on %s", e.Name, e.NodeName)
	if e.Failed != "" {
		reason, kind, text = "ETCDSnapshotFailed", corev1.EventTypeWarning, fmt.Sprintf("Failed to save snapshot %s on %s: %s", e.Name, e.NodeName, e.Failed)
	}
	return k.event(ctx, c, created, kind, reason, text)
}

func (k *Keeper) event(ctx context.Context, c *kube.Clients, about *unstructured.Unstructured, kind, reason, text string) error {
	now := metav1.NewTime(k.Now())
	_, err := c.CoreV1().Events("default").Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{GenerateName: about.GetName() + ".", Namespace: "default"},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: about.GetAPIVersion(), Kind: about.GetKind(), Name: about.GetName(), UID: about.GetUID(),
		},
		Type: kind, Reason: reason, Message: text, FirstTimestamp: now, LastTimestamp: now, Count: 1,
		Source: corev1.EventSource{Component: k.Flavor.Name + "-etcd-snapshot-controller", Host: k.NodeName},
	}, metav1.CreateOptions{})
	return err
}

// remember writes the entry to the ConfigMap of old.
func (k *Keeper) remember(ctx context.Context, c *kube.Clients, e snapshot.Entry) error {
	status := "successful"
	if e.Failed != "" {
		status = "failed"
	}
	metadata, err := json.Marshal(e.Metadata)
	if err != nil {
		return err
	}
	value, err := json.Marshal(map[string]any{"name": e.Name, "location": e.Location, "metadata": metadata, "message": []byte(e.Failed),
		"nodeName": e.Storage(), "createdAt": e.Created, "size": e.Size, "status": status, "compressed": e.Compressed})
	if err != nil {
		return err
	}
	return k.updateConfigMap(ctx, c, func(data map[string]string) { data[configMapKey(e)] = string(value) })
}

func (k *Keeper) updateConfigMap(ctx context.Context, c *kube.Clients, change func(map[string]string)) error {
	maps, name := c.CoreV1().ConfigMaps("kube-system"), k.Flavor.Name+"-etcd-snapshots"
	m, err := maps.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		m = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "kube-system"}}
		m, err = maps.Create(ctx, m, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	if m.Data == nil {
		m.Data = map[string]string{}
	}
	change(m.Data)
	_, err = maps.Update(ctx, m, metav1.UpdateOptions{})
	return err
}

func toObject(f File) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&f)
	return &unstructured.Unstructured{Object: content}, err
}

func fromObject(o *unstructured.Unstructured) (File, error) {
	var f File
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &f)
	return f, err
}
