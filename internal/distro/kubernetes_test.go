package distro

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

func TestTheKubernetesIsKnownByItsNamespaceHoweverItIsStored(t *testing.T) {
	const uid = "8f4b0c9e-6f0e-4a63-8a37-2c1b1c7d9f10"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kube-system", UID: uid}}
	for _, as := range []string{runtime.ContentTypeProtobuf, runtime.ContentTypeJSON} {
		info, known := runtime.SerializerInfoForMediaType(scheme.Codecs.SupportedMediaTypes(), as)
		if !known {
			t.Fatal(as)
		}
		stored, err := runtime.Encode(scheme.Codecs.EncoderForVersion(info.Serializer, corev1.SchemeGroupVersion), namespace)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := uidOf(stored); got != uid || err != nil {
			t.Errorf("as %s: %q, %v", as, got, err)
		}
	}
	for name, stored := range map[string]string{"encrypted": "k8s:enc:aescbc:v1:key1:\x00\x01", "somebody else's": "hello", "empty": ""} {
		if got, err := uidOf([]byte(stored)); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
}
