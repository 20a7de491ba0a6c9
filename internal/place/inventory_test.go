package place_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/place"
)

func TestAnInventoryHoldsEachConfigurationOnce(t *testing.T) {
	var files []v1alpha1.SnapshotFile
	for i, digest := range []string{"", "x", "y", "x", "x"} {
		f := v1alpha1.SnapshotFile{File: fmt.Sprint(i), SnapshotFacts: v1alpha1.SnapshotFacts{ConfigDigest: digest}}
		if digest != "" {
			f.Config = &runtime.RawExtension{Raw: []byte(`{}`)}
		}
		files = append(files, f)
	}
	place.OncePerConfig(files)
	var got []bool
	for _, f := range files {
		got = append(got, f.Config != nil)
	}
	if diff := cmp.Diff([]bool{false, true, true, false, false}, got); diff != "" {
		t.Error(diff)
	}
}
