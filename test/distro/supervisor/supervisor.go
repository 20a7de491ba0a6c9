// Package supervisor is the server's own HTTPS front (surface 1 and 3): what joins asks it for the authority and for
// what servers share, the command line of snapshots talks to it, and k3s' forwards everything else to kube-apiserver.
//
// Start reading at [Server.Handler].
package supervisor

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/test/distro"
	"github.com/holdfast-dev/holdfast/test/distro/bootstrap"
	"github.com/holdfast-dev/holdfast/test/distro/kube"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// Server is the front. Its fields are set before it serves.
type Server struct {
	Flavor distro.Flavor
	// Dir is <data>/server.
	Dir string
	// Snapshots is nil when the datastore is not etcd.
	Snapshots *snapshot.Manager
	// Members lists etcd's.
	Members func(context.Context) (any, error)
	// Clients waits for an API server.
	Clients func(context.Context) (*kube.Clients, error)
	// Addresses are those of API servers.
	Addresses func(context.Context) ([]string, error)
	// Critical are the settings in which servers must agree.
	Critical map[string]string
	// Admit checks an agent's node password, and returns its certificate.
	Admit func(ctx context.Context, node, password string) (Identity, error)
	// Encryption is nil without an API server.
	Encryption Encryption
	// Proxy is k3s' kube-apiserver; nil: there is none behind this port.
	Proxy http.Handler
	Log   *logrus.Logger
}

// Identity is what an agent gets.
type Identity struct {
	Cert string `json:"cert"`
	Key  string `json:"key"`
	CA   string `json:"ca"`
}

// Handler serves all paths.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/cacerts", s.cacerts)
	mux.HandleFunc("/ping", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("pong")) })
	mux.HandleFunc(s.Flavor.Path("server-bootstrap"), s.only("server", s.bootstrap))
	mux.HandleFunc(s.Flavor.Path("config"), s.only("server", s.config))
	mux.HandleFunc(s.Flavor.Path("apiservers"), s.only("node", s.apiservers))
	mux.HandleFunc(s.Flavor.Path("client-kubelet"), s.only("node", s.admit))
	mux.HandleFunc("/db/info", s.info)
	mux.HandleFunc("/db/snapshot", s.only("server", s.snapshot))
	if s.Encryption != nil {
		mux.HandleFunc(s.Flavor.Path("encrypt/status"), s.only("server", s.encryptionStatus))
		mux.HandleFunc(s.Flavor.Path("encrypt/config"), s.only("server", s.encryptionConfig))
	}
	if s.Proxy != nil {
		mux.Handle("/", s.Proxy)
	}
	return mux
}

// TLS offers the server's certificate, which is read at each connection: a restore replaces it.
func (s *Server) TLS() *tls.Config {
	dir := filepath.Join(s.Dir, "tls")
	return &tls.Config{
		ClientAuth: tls.RequestClientCert,
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "serving-supervisor.crt"), filepath.Join(dir, "serving-supervisor.key"))
			return &pair, err
		},
	}
}

func (s *Server) cacerts(w http.ResponseWriter, _ *http.Request) {
	ca, err := os.ReadFile(filepath.Join(s.Dir, "tls", "server-ca.crt"))
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "starting")
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	w.Write(ca)
}

func (s *Server) bootstrap(w http.ResponseWriter, _ *http.Request) {
	data, err := bootstrap.Read(s.Dir)
	s.answer(w, data, err)
}

func (s *Server) config(w http.ResponseWriter, _ *http.Request) { s.answer(w, s.Critical, nil) }

func (s *Server) apiservers(w http.ResponseWriter, r *http.Request) {
	addresses, err := s.Addresses(r.Context())
	s.answer(w, addresses, err)
}

func (s *Server) admit(w http.ResponseWriter, r *http.Request) {
	identity, err := s.Admit(r.Context(), r.Header.Get(s.Flavor.Name+"-Node-Name"), r.Header.Get(s.Flavor.Name+"-Node-Password"))
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	s.answer(w, identity, nil)
}

func (s *Server) answer(w http.ResponseWriter, body any, err error) {
	if err != nil {
		s.Log.Errorf("Supervisor request failed: %v", err)
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(body)
}

// refuse answers with Kubernetes' Status.
func refuse(w http.ResponseWriter, code int, text string) {
	reason := map[int]metav1.StatusReason{
		http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusForbidden: metav1.StatusReasonForbidden,
		http.StatusBadRequest: metav1.StatusReasonBadRequest, http.StatusServiceUnavailable: metav1.StatusReasonServiceUnavailable,
		http.StatusInternalServerError: metav1.StatusReasonInternalError,
	}[code]
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Message: text, Reason: reason, Code: int32(code),
	})
}
