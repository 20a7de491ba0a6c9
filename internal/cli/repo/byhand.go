package repo

import (
	"io"

	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/internal/byhand"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// byHandView is the JSON form of holdfast repo show --by-hand.
type byHandView struct {
	Snapshot string   `json:"snapshot"`
	Commands []string `json:"commands"`
}

// byHand prints what restores a snapshot with stock tools.
func byHand(repo *settings.Opened, e *repository.Entry, s3 settings.S3) console.Result {
	c := byhand.Copy{Entry: e, Location: repo.Store().Location(e.File), S3: byhand.S3{
		Endpoint: s3.Endpoint, Region: s3.Region, CAFile: s3.CAFile, Insecure: s3.Insecure, SkipTLSVerify: s3.SkipTLSVerify,
	}}
	if m := e.Manifest; m != nil {
		c.SHA256, c.Members = m.Stored.SHA256, m.Source.Members
	}
	page := byhand.Of(c)
	return console.Result{
		Value: byHandView{page.Snapshot, page.Commands()},
		Names: page.Commands(),
		Table: func(w io.Writer) { _, _ = io.WriteString(w, page.Text()) },
	}
}
