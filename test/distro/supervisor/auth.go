package supervisor

import (
	"crypto/subtle"
	"encoding/csv"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// only lets through who has a password that is good for a role: a server may do what a node may.
func (s *Server) only(role string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch s.permission(r, role) {
		case http.StatusOK:
			next(w, r)
		case http.StatusForbidden:
			refuse(w, http.StatusForbidden, "forbidden")
		default:
			refuse(w, http.StatusUnauthorized, "not authorized")
		}
	}
}

// permission reads the file of passwords at each request: a restore replaces it. Before there is one nobody is anybody.
func (s *Server) permission(r *http.Request, role string) int {
	user, password, ok := r.BasicAuth()
	if !ok {
		return http.StatusUnauthorized
	}
	f, err := os.Open(filepath.Join(s.Dir, "cred", "passwd"))
	if err != nil {
		return http.StatusUnauthorized
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return http.StatusUnauthorized
	}
	for _, row := range rows {
		if len(row) < 4 || row[1] != user || subtle.ConstantTimeCompare([]byte(row[0]), []byte(password)) != 1 {
			continue
		}
		if role == "node" || strings.Contains(row[3], ":server") {
			return http.StatusOK
		}
		return http.StatusForbidden
	}
	return http.StatusUnauthorized
}

func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && net.ParseIP(host).IsLoopback()
}
