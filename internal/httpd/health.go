package httpd

import (
	"context"
	"io"
	"net/http"
	"time"
)

// readyTimeout bounds the look at everything that the manager needs.
const readyTimeout = 10 * time.Second

// healthy: the process answers. A manager that waits for its API need not be restarted.
func healthy(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") }

func ready(check func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if check(ctx) != nil {
			http.Error(w, "not ready: the Kubernetes API does not answer as it should", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}
