package etcd

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

const headlinePeer = "reach etcd at ENDPOINT: this is a peer port, at which the members of an etcd talk to each other"

// peers answers as a member answers other members.
func peers(t *testing.T, body string) string {
	t.Helper()
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/members" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("X-Etcd-Cluster-Id", "cdf818194e3a8c32")
		fmt.Fprint(w, body)
	})}
	return listen(t, server.Serve, func() { server.Close() })
}

func TestAPeerPortIsNamedWithTheClientURLsThatItKnows(t *testing.T) {
	for body, next := range map[string]string{
		`[{"name":"b","clientURLs":["http://10.0.0.2:2379"]},{"name":"a","clientURLs":["http://10.0.0.1:2379"]}]`: "use the client port: " +
			"the cluster's client URLs are http://10.0.0.1:2379, http://10.0.0.2:2379",
		`[{"name":"never started"}]`: "use its client port (2379 unless changed)",
		`nonsense`:                   "use its client port (2379 unless changed)",
	} {
		endpoint := "http://" + peers(t, body)
		expect(t, Config{Endpoints: []string{endpoint}}, problem.Unreachable, headlinePeer, next)
	}
}

func TestTheUsualPeerPortIsDoubtedWhateverGoesWrongThere(t *testing.T) {
	for address, next := range map[string]string{
		"10.0.0.1:2380": "is this the client port? It is 2379 unless changed, 2380 is for the members among themselves; name the CA",
		"10.0.0.1:2379": "name the CA",
	} {
		c := &conn{endpoint: endpoint{address: address}}
		if got := c.suspectPeerPort(&problem.Error{Next: "name the CA"}).Next; got != next {
			t.Errorf("%s: next\n got %s\nwant %s", address, got, next)
		}
	}
}
