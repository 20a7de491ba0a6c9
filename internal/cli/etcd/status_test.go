package etcd

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/engine/etcd"
)

// cluster has a member of each sort: well, not asked, asked in vain, and without a leader.
func cluster() etcd.Cluster {
	return etcd.Cluster{
		ID: 0xc, Quorum: true, Leader: 1, Term: 2, Revision: 7,
		Members: []etcd.Member{
			{ID: 1, Name: "well", Endpoint: "a:2379", Status: &etcd.Status{Version: "3.6.1", Leader: 1, RaftTerm: 2, RaftIndex: 9, RaftApplied: 9}},
			{ID: 2, Name: "unasked"},
			{ID: 3, Name: "silent", Endpoint: "c:2379", Err: errors.New("no answer")},
			{ID: 4, Name: "stale", Endpoint: "d:2379", Status: &etcd.Status{RaftTerm: 2, RaftIndex: 9, RaftApplied: 5}, ReadErr: errors.New("no read")},
		},
	}
}

func TestAMemberThatWasNotAskedIsNeitherHealthyNorUnhealthy(t *testing.T) {
	choice, err := etcd.Choose(cluster(), etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(showStatus(cluster(), choice, nil).Value)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Members []map[string]any `json:"members"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	picked := map[string][]any{}
	for _, m := range got.Members {
		picked[m["name"].(string)] = []any{m["asked"], m["healthy"], m["lag"], m["problem"]}
	}
	want := map[string][]any{
		"well": {true, true, 0.0, nil}, "unasked": {false, nil, nil, nil},
		"silent": {true, false, nil, "no answer"}, "stale": {true, false, 4.0, "no read"},
	}
	if diff := cmp.Diff(want, picked); diff != "" {
		t.Error(diff)
	}
}

func TestTheTableMarksTheUnknownAndSaysEachTroubleOnce(t *testing.T) {
	choice, err := etcd.Choose(cluster(), etcd.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	showStatus(cluster(), choice, nil).Table(&b)
	health, applied := map[string]string{}, map[string]string{}
	for line := range strings.Lines(b.String()) {
		if f := strings.Fields(line); len(f) >= 10 && f[0] != "NAME" && f[0] != "Members" {
			health[f[0]], applied[f[0]] = f[4], f[len(f)-2]
		}
	}
	if diff := cmp.Diff(map[string]string{"well": "yes", "unasked": "-", "silent": "NO", "stale": "NO"}, health); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"well": "9", "unasked": "-", "silent": "-", "stale": "5"}, applied); diff != "" {
		t.Error(diff)
	}
	for _, once := range []string{"no answer", "no leader", "no endpoint leads to it", "--cluster asks all"} {
		if n := strings.Count(b.String(), once); n != 1 {
			t.Errorf("%q is said %d times:\n%s", once, n, b.String())
		}
	}
}
