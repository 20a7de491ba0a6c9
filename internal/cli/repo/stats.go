package repo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/mvcc"
	"github.com/holdfast-dev/holdfast/engine/repository"
	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// statsView is the JSON form of holdfast repo show --stats.
type statsView struct {
	Revision  int64     `json:"revision"`
	Objects   int64     `json:"objects"`
	LiveBytes int64     `json:"liveBytes"`
	OldBytes  int64     `json:"oldRevisionBytes"`
	FreeBytes int64     `json:"freeBytes"`
	FileBytes int64     `json:"fileBytes"`
	Rows      []rowView `json:"resources"`
}

type rowView struct {
	Resource   string `json:"resource"`
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Objects    int64  `json:"objects"`
	Bytes      int64  `json:"bytes"`
	Encrypted  int64  `json:"encrypted"`
	Provider   string `json:"encryptionProvider,omitempty"`
}

// What the rows are: values of --by.
const (
	byNamespace = "namespace"
	byResource  = "resource"
)

func showStats(ctx context.Context, c *console.Console, flags *settings.Flags, repo *settings.Opened, e *repository.Entry, by string) error {
	stats, err := readStats(ctx, c, flags, repo, e)
	if err != nil {
		return err
	}
	v := statsView{
		Revision: stats.Revision, Objects: stats.Objects, LiveBytes: stats.LiveBytes, OldBytes: stats.OldBytes,
		FreeBytes: stats.FreeBytes, FileBytes: stats.Size, Rows: []rowView{},
	}
	for _, r := range stats.Rows {
		v.Rows = append(v.Rows, rowView{r.Resource, r.APIVersion, r.Kind, r.Namespace, r.Objects, r.Bytes, r.Encrypted, r.Provider})
	}
	sums := sumUp(v.Rows)
	if by == byResource {
		v.Rows = sums
	} else {
		largestFirst(v.Rows, sums)
	}
	var resources []string
	for _, s := range sums {
		resources = append(resources, s.Resource)
	}
	return c.Print(console.Result{Value: v, Names: resources, Table: func(w io.Writer) { v.table(w, sums) }})
}

func readStats(ctx context.Context, c *console.Console, flags *settings.Flags, repo *settings.Opened, e *repository.Entry) (mvcc.Stats, error) {
	progress, stop := c.Progress()
	unpacked, err := snapshot.Unpack(ctx, snapshot.StoreSource(repo.Store(), e.Info), e.Manifest, flags.SpoolDir(), progress)
	stop()
	if err != nil {
		return mvcc.Stats{}, err
	}
	defer unpacked.File.Close()
	db, err := mvcc.Open(unpacked.File, unpacked.Size)
	if err != nil {
		return mvcc.Stats{}, err
	}
	defer db.Close()
	return db.Stats(ctx)
}

// sumUp adds up the rows of each resource over its namespaces, largest first. What differs between them is left empty.
func sumUp(rows []rowView) []rowView {
	at := map[string]int{}
	sums := []rowView{}
	for _, r := range rows {
		i, known := at[r.Resource]
		if !known {
			at[r.Resource] = len(sums)
			r.Namespace = ""
			sums = append(sums, r)
			continue
		}
		s := &sums[i]
		s.Objects, s.Bytes, s.Encrypted = s.Objects+r.Objects, s.Bytes+r.Bytes, s.Encrypted+r.Encrypted
		s.APIVersion, s.Kind, s.Provider = same(s.APIVersion, r.APIVersion), same(s.Kind, r.Kind), either(s.Provider, r.Provider)
	}
	for i := range sums {
		sums[i].APIVersion, sums[i].Kind = strings.TrimPrefix(sums[i].APIVersion, several), strings.TrimPrefix(sums[i].Kind, several)
	}
	slices.SortStableFunc(sums, func(a, b rowView) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return sums
}

// several stands for values that differ, until all are seen.
const several = "\x00"

// same is what both are; what is encrypted does not say.
func same(a, b string) string {
	if a == "" || b == "" || a == b {
		return cmp.Or(a, b)
	}
	return several
}

// either is the provider of those that are encrypted; two, when a change of keys is under way.
func either(a, b string) string {
	if b == "" || a == "" || slices.Contains(strings.Split(a, ","), b) {
		return cmp.Or(a, b)
	}
	return a + "," + b
}

// largestFirst orders the rows as their sums are ordered, and within a resource by their own bytes.
func largestFirst(rows, sums []rowView) {
	place := map[string]int{}
	for i, s := range sums {
		place[s.Resource] = i
	}
	slices.SortStableFunc(rows, func(a, b rowView) int {
		return cmp.Or(cmp.Compare(place[a.Resource], place[b.Resource]), cmp.Compare(b.Bytes, a.Bytes))
	})
}

// table prints a sum above the rows of each resource that has several, and one of all at the end.
func (v statsView) table(w io.Writer, sums []rowView) {
	of := map[string][]rowView{}
	for _, r := range v.Rows {
		of[r.Resource] = append(of[r.Resource], r)
	}
	var rows [][]string
	total := rowView{Resource: "TOTAL"}
	for _, s := range sums {
		if len(of[s.Resource]) > 1 {
			sum := s
			sum.Namespace = "(all)"
			rows = append(rows, sum.cells())
		}
		for _, r := range of[s.Resource] {
			rows = append(rows, r.cells())
		}
		total.Objects, total.Bytes = total.Objects+s.Objects, total.Bytes+s.Bytes
		total.Encrypted, total.Provider = total.Encrypted+s.Encrypted, either(total.Provider, s.Provider)
	}
	console.Columns(w, []string{"RESOURCE", "KIND", "NAMESPACE", "OBJECTS", "BYTES", "ENCRYPTED"}, append(rows, total.cells()))
	fmt.Fprintf(w, "\n%d objects with %s at revision %d; older revisions %s, free pages %s, file %s.\n", v.Objects,
		console.Bytes(v.LiveBytes), v.Revision, console.Bytes(v.OldBytes), console.Bytes(v.FreeBytes), console.Bytes(v.FileBytes))
}

func (r rowView) cells() []string {
	encrypted := "-"
	if r.Encrypted > 0 {
		encrypted = fmt.Sprintf("%d (%s)", r.Encrypted, r.Provider)
	}
	return []string{r.Resource, dash(r.Kind), dash(r.Namespace), fmt.Sprint(r.Objects), console.Bytes(r.Bytes), encrypted}
}
