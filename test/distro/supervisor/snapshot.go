package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"

	"github.com/holdfast-dev/holdfast/test/distro/record"
	"github.com/holdfast-dev/holdfast/test/distro/snapshot"
)

// info lists etcd's members, to servers and to who asks from the machine itself.
func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	if !fromLoopback(r) && s.permission(r, "server") != http.StatusOK {
		refuse(w, http.StatusForbidden, "forbidden")
		return
	}
	if s.Members == nil {
		refuse(w, http.StatusBadRequest, "etcd datastore disabled")
		return
	}
	members, err := s.Members(r.Context())
	s.answer(w, map[string]any{"members": members}, err)
}

// snapshot does what the command line asks for. A request that can't be read never gets an answer: the real handler
// panics.
func (s *Server) snapshot(w http.ResponseWriter, r *http.Request) {
	var request snapshot.Request
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&request) != nil {
		panic(http.ErrAbortHandler)
	}
	if s.Snapshots == nil {
		refuse(w, http.StatusBadRequest, "etcd datastore disabled")
		return
	}
	// Until the clients of Kubernetes exist, nothing is done.
	if _, err := s.Clients(r.Context()); err != nil {
		return
	}
	body, err := s.perform(r, request)
	var bad *snapshot.S3Error
	var operation *operationError
	switch {
	case err == nil:
		s.answer(w, body, nil)
	case errors.As(err, &bad):
		refuse(w, http.StatusBadRequest, err.Error())
	case errors.As(err, &operation):
		refuse(w, http.StatusBadRequest, s.hidden(err))
	default:
		refuse(w, http.StatusInternalServerError, "Internal error occurred: "+s.hidden(err))
	}
}

// operationError: there is no such operation.
type operationError struct{ name string }

func (e *operationError) Error() string { return "unknown operation " + e.name }

// hidden logs the cause and returns its number, which is all that a client learns.
func (s *Server) hidden(err error) string {
	id := 10000 + rand.IntN(90000)
	s.Log.Errorf("etcd-snapshot error ID %d: %v", id, err)
	return fmt.Sprintf("etcd-snapshot error ID %d", id)
}

func (s *Server) perform(r *http.Request, request snapshot.Request) (any, error) {
	name := "on-demand"
	if len(request.Name) > 0 && request.Name[0] != "" {
		name = request.Name[0]
	}
	switch request.Operation {
	case "save":
		return s.Snapshots.Save(r.Context(), name, request)
	case "prune":
		return s.Snapshots.Prune(r.Context(), name, request)
	case "delete":
		return s.Snapshots.Delete(r.Context(), request.Name, request)
	case "list":
		entries, err := s.Snapshots.List(r.Context(), request)
		return record.NewList(s.Flavor, entries), err
	default:
		return nil, &operationError{request.Operation}
	}
}
