// Package web holds the manager's page as `make build` has built it: scripts, styles and fonts from the sources beside this
// file. Without them the manager serves no page, and says so.
//
// The page's own code begins at src/main.tsx.
package web

import (
	"embed"
	"io/fs"
)

// dist is empty but for a note until the page is built.
//
//go:embed all:dist
var dist embed.FS

// Files of the page, index.html at their root; none when it was not built.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil { // the folder's name is wrong
		panic(err)
	}
	return files
}
