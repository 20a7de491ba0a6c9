package e2e

import (
	"net/http"
	"strings"
)

// s3Object says what a request is about.
func s3Object(r *http.Request) string {
	switch path := r.URL.Path; {
	case s3Stage(r) == "list", s3Stage(r) == "uploads":
		return ""
	case strings.HasSuffix(path, "/holdfast-owner.json"):
		return " owner"
	case strings.Contains(path, "/.metadata/"):
		return " manifest"
	}
	return " payload"
}

// onceEach makes the first request of each stage go wrong.
func onceEach(trouble s3Trouble) func(*http.Request) s3Trouble {
	met := map[string]bool{}
	return func(r *http.Request) s3Trouble {
		stage := s3Stage(r) + s3Object(r)
		if met[stage] {
			return fine
		}
		met[stage] = true
		return trouble
	}
}

// always makes all requests of a stage go wrong, firstly only the first.
func always(stage string, trouble s3Trouble) func(*http.Request) s3Trouble {
	return func(r *http.Request) s3Trouble {
		if s3Stage(r)+s3Object(r) == stage {
			return trouble
		}
		return fine
	}
}

func firstly(stage string, trouble s3Trouble) func(*http.Request) s3Trouble {
	done := false
	return func(r *http.Request) s3Trouble {
		if done || s3Stage(r)+s3Object(r) != stage {
			return fine
		}
		done = true
		return trouble
	}
}
