package repo

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func statsRows() []rowView {
	return []rowView{
		{Resource: "events", APIVersion: "v1", Kind: "Event", Namespace: "a", Objects: 2, Bytes: 20},
		{Resource: "events", APIVersion: "events.k8s.io/v1", Kind: "Event", Namespace: "b", Objects: 1, Bytes: 30},
		{Resource: "events", APIVersion: "v1", Kind: "Event", Namespace: "c", Objects: 1, Bytes: 1},
		{Resource: "secrets", Namespace: "a", Objects: 1, Bytes: 100, Encrypted: 1, Provider: "aescbc"},
		{Resource: "secrets", Namespace: "b", Objects: 1, Bytes: 5, Encrypted: 1, Provider: "secretbox"},
		{Resource: "secrets", APIVersion: "v1", Kind: "Secret", Namespace: "c", Objects: 1, Bytes: 5},
		{Resource: "nodes", APIVersion: "v1", Kind: "Node", Objects: 3, Bytes: 3},
	}
}

func TestASumSaysWhatAllRowsOfAResourceHaveInCommon(t *testing.T) {
	want := []rowView{
		{Resource: "secrets", APIVersion: "v1", Kind: "Secret", Objects: 3, Bytes: 110, Encrypted: 2, Provider: "aescbc,secretbox"},
		{Resource: "events", Kind: "Event", Objects: 4, Bytes: 51},
		{Resource: "nodes", APIVersion: "v1", Kind: "Node", Objects: 3, Bytes: 3},
	}
	if diff := cmp.Diff(want, sumUp(statsRows())); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableHasASumForWhatHasSeveralRowsAndOneOfAll(t *testing.T) {
	v := statsView{Rows: statsRows()}
	sums := sumUp(v.Rows)
	largestFirst(v.Rows, sums)
	var b strings.Builder
	v.table(&b, sums)
	var got []string
	for line := range strings.Lines(b.String()) {
		if f := strings.Fields(line); len(f) > 3 && f[0] != "RESOURCE" && !strings.HasPrefix(line, "0 objects") {
			got = append(got, f[0]+" "+f[2]+" "+f[3])
		}
	}
	want := []string{
		"secrets (all) 3", "secrets a 1", "secrets b 1", "secrets c 1",
		"events (all) 4", "events b 1", "events a 2", "events c 1", "nodes - 3", "TOTAL - 10",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
