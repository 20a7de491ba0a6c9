package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
)

// Encryption is what a server with an API server does about the keys of Secrets.
type Encryption interface {
	EncryptionStatus(context.Context) (EncryptionState, error)
	ChangeEncryption(context.Context, EncryptionRequest) error
}

// EncryptionState answers secrets-encrypt status.
type EncryptionState struct {
	Stage        string   `json:"stage"`
	ActiveKey    string   `json:"activekey"`
	Enable       *bool    `json:"enable,omitempty"`
	HashMatch    bool     `json:"hashmatch,omitempty"`
	HashError    string   `json:"hasherror,omitempty"`
	InactiveKeys []string `json:"inactivekeys,omitempty"`
}

// EncryptionRequest asks for one stage, or for encryption or none.
type EncryptionRequest struct {
	Stage  *string `json:"stage,omitempty"`
	Enable *bool   `json:"enable,omitempty"`
	Force  bool    `json:"force"`
	Skip   bool    `json:"skip"`
}

func (s *Server) encryptionStatus(w http.ResponseWriter, r *http.Request) {
	state, err := s.Encryption.EncryptionStatus(r.Context())
	s.answer(w, state, err)
}

// encryptionConfig answers an error with its number alone, as the real one does.
func (s *Server) encryptionConfig(w http.ResponseWriter, r *http.Request) {
	var request EncryptionRequest
	if err := json.NewDecoder(r.Body).Decode(&request); err != nil || request.Stage == nil && request.Enable == nil {
		refuse(w, http.StatusBadRequest, fmt.Sprint(err))
		return
	}
	if err := s.Encryption.ChangeEncryption(r.Context(), request); err != nil {
		id := 10000 + rand.IntN(90000)
		s.Log.Errorf("secret-encrypt error ID %d: %v", id, err)
		refuse(w, http.StatusBadRequest, fmt.Sprintf("secret-encrypt error ID %d", id))
		return
	}
	s.answer(w, struct{}{}, nil)
}
