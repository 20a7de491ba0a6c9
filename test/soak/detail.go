package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// detail is a section of the report about some of the areas.
type detail struct {
	title string
	says  string
	about func(job) bool
	table func(b *strings.Builder, suites map[string]*suite)
}

var details = []detail{
	{
		title: "Round trips", table: bySuite, about: inArea(areaTrips),
		says: "Save, trial restore, restore of every member, start of the restored cluster; then HashKV, revision, compaction, leases, " +
			"accounts and members are compared, and it must take writes. Each with and without TLS with client certificates, with and " +
			"without accounts, as a plain, a zstd and a zip file.",
	},
	{
		title: "Each etcd's snapshot on each etcd", table: bySuite, about: inArea(areaVersions),
		says: "The version of the etcd that was saved, and that of the etcd that opened the result, with `--etcd-version` where it needs it.",
	},
	{
		title: "Fleets struck at each step", table: byStage, about: inArea(areaFleet, areaStruck),
		says: "Three machines with etcd, or with a server of K3s or RKE2, agents and a manager, each with a systemd of its own. The kernel holds the agent at each write of " +
			"its journal, before and after a step is recorded as begun and as ended; then the agent, the manager, etcd or the machine " +
			"itself is killed there, or another machine's. After each: the operation ends, or a retry ends it; all members are one cluster " +
			"and hold what that end says; the acknowledged writes of the cluster that remains are there, and no other cluster took writes " +
			"after the shutdown; no etcd ran behind a fence; what the catalogue calls good is so, byte by byte. Too late is also a blow " +
			"at an etcd that did not run at that moment.",
	},
	{
		title: "Kills and interruptions", table: byStage, about: func(j job) bool { return j.kills && j.area != areaFleet && j.area != areaStruck },
		says: "After each: the repository lists only whole snapshots, the target is absent or complete, nothing of the program lives on, and " +
			"a second try succeeds and leaves nothing temporary. A stage is the last phase that the program had reported done.",
	},
	{
		title: "Damage", table: spread, about: inArea(areaDamage),
		says: "One byte changed, the end cut off, or something appended, in each kind of file that a repository can hold. With a manifest, " +
			"verify must find it and restore must refuse it; without one, restore gives exactly the database that was saved, or nothing.",
	},
	{
		title: "Everything else", table: bySuite, about: func(j job) bool {
			return !j.kills && j.area != areaTrips && j.area != areaVersions && j.area != areaDamage
		},
	},
}

func inArea(areas ...string) func(job) bool {
	return func(j job) bool { return slices.Contains(areas, j.area) }
}

func (d detail) write(b *strings.Builder, s standing) {
	suites := d.suites(s)
	if len(suites) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s\n\n", d.title)
	if d.says != "" {
		fmt.Fprintf(b, "%s\n\n", d.says)
	}
	d.table(b, suites)
	b.WriteString("\n")
}

// suites adds up what all jobs of the section did.
func (d detail) suites(s standing) map[string]*suite {
	sums := map[string]*suite{}
	for _, j := range s.jobs {
		rec, done := s.records[j.id]
		if !done || !d.about(j) {
			continue
		}
		for name, one := range rec.Suites {
			sum := sums[name]
			if sum == nil {
				sum = &suite{Stages: map[string]int{}}
				sums[name] = sum
			}
			sum.Held += one.Held
			sum.Failed += one.Failed
			sum.Missed += one.Missed
			for stage, n := range one.Stages {
				sum.Stages[stage] += n
			}
		}
	}
	return sums
}

func bySuite(b *strings.Builder, suites map[string]*suite) {
	b.WriteString("| what | held | failed |\n|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(suites)) {
		fmt.Fprintf(b, "| %s | %d | %d |\n", name, suites[name].Held, suites[name].Failed)
	}
}

func byStage(b *strings.Builder, suites map[string]*suite) {
	b.WriteString("| program | struck at | times | too late | failed |\n|---|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(suites)) {
		s := suites[name]
		for i, stage := range slices.Sorted(maps.Keys(s.Stages)) {
			program, missed, failed := "", "", ""
			if i == 0 {
				program, missed, failed = name, fmt.Sprint(s.Missed), fmt.Sprint(s.Failed)
			}
			fmt.Fprintf(b, "| %s | %s | %d | %s | %s |\n", program, stage, s.Stages[stage], missed, failed)
		}
	}
}

// spread groups stages of the form "file: place" by file.
func spread(b *strings.Builder, suites map[string]*suite) {
	files := map[string][]int{}
	for _, s := range suites {
		for stage, n := range s.Stages {
			file, _, _ := strings.Cut(stage, ": ")
			files[file] = append(files[file], n)
		}
	}
	b.WriteString("| file | kinds of places | positions | fewest for one kind |\n|---|---|---|---|\n")
	for _, file := range slices.Sorted(maps.Keys(files)) {
		sum := 0
		for _, n := range files[file] {
			sum += n
		}
		fmt.Fprintf(b, "| `%s` | %d | %d | %d |\n", file, len(files[file]), sum, slices.Min(files[file]))
	}
}
