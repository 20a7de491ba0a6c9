package step

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
)

// maxTold bounds what is told of evidence, in bytes: it stands in a column.
const maxTold = 240

// Told words the evidence of a step for whoever reads how it went; "" for evidence that tells nothing. All of it stays in
// the result.
func Told(evidence any) string {
	text := ""
	switch e := evidence.(type) {
	case SaveEvidence:
		text = e.told()
	case TaskEvidence:
		text = e.told()
	case PreflightEvidence:
		text = e.told()
	case ServeEvidence:
		text = fmt.Sprintf("%s, SHA-256 %s", size(e.Size), short(e.SHA256))
	case FetchEvidence:
		text = fmt.Sprintf("%s, SHA-256 %s, revision %d", size(e.Size), short(e.SHA256), e.Revision)
	case StopEvidence:
		text = "it did not run"
		if e.WasRunning {
			text = "it ran"
		}
	case AsideEvidence:
		text = e.told()
	case RestoreEvidence:
		text = fmt.Sprintf("revision %d, content hash %d", e.Revision, e.ContentHash)
	case InstallSettings:
		text = e.Version
	case PointSettings:
		text = "it is a first server"
		if e.Server != "" {
			text = "it joins " + e.Server
		}
	case ForgetSettings:
		text = plural(len(e.Nodes), "node") + " may come back as they are"
	case AdmitEvidence:
		text = "it is taken in when it starts" // by a distribution that admits its members itself
		if e.MemberID != "" {
			text = "member " + e.MemberID
		}
	case HealthyEvidence:
		if e.Members > 0 { // there is a member on this machine
			text = fmt.Sprintf("%s, revision %d", plural(e.Members, "member"), e.Revision)
		}
	case CommitEvidence:
		text = fmt.Sprintf("epoch %d", e.Epoch)
	}
	return head(text, maxTold)
}

// told names each copy and what it is known to be.
func (e SaveEvidence) told() string {
	var copies []string
	for _, f := range e.Files {
		where := f.File
		if strings.HasPrefix(f.Location, "s3://") {
			where = "in S3"
		}
		copies = append(copies, fmt.Sprintf("%s %s, %s", where, size(f.Size), f.State))
	}
	return strings.Join(copies, "; ")
}

func (e TaskEvidence) told() string {
	found := map[string]int{}
	for _, r := range e.Results {
		found[r.Outcome]++
	}
	return counted([]count{
		{found[v1alpha1.ResultPassed], "passed"}, {found[v1alpha1.ResultFailed], "failed"}, {found[v1alpha1.ResultSkipped], "skipped"},
	})
}

func (e PreflightEvidence) told() string {
	found := map[string]int{}
	for _, c := range e.Checks {
		found[c.Outcome]++
	}
	return counted([]count{{found["Passed"], "passed"}, {found["Warning"], "with a warning"}, {found["Failed"], "failed"}})
}

func (e AsideEvidence) told() string {
	var parts []string
	if len(e.To) > 0 {
		parts = append(parts, "to "+strings.Join(e.To, " and "))
	}
	switch n := len(e.Copies); n {
	case 0:
	case 1:
		parts = append(parts, "1 copy")
	default:
		parts = append(parts, fmt.Sprintf("%d copies", n))
	}
	if len(parts) == 0 {
		return "there was nothing"
	}
	return strings.Join(parts, "; ")
}

type count struct {
	n    int
	word string
}

// counted says how many of each there are, leaving out what there is none of.
func counted(counts []count) string {
	var parts []string
	for _, c := range counts {
		if c.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", c.n, c.word))
		}
	}
	return strings.Join(parts, ", ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// short is enough of a hash to tell two apart.
func short(sum string) string { return head(sum, 12+len("…")) }
