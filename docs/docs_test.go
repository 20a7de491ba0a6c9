package docs

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/holdfast-dev/holdfast/engine/snapshot"
	"github.com/holdfast-dev/holdfast/internal/cli"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

const top = ".."

func TestEveryRelativeLinkResolves(t *testing.T) {
	links := 0
	for _, file := range pages(t) {
		p := read(t, file)
		for _, target := range p.links {
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			links++
			path, anchor, _ := strings.Cut(target, "#")
			to := file
			if path != "" {
				to = filepath.Join(filepath.Dir(file), path)
			}
			if _, err := os.Stat(filepath.Join(top, to)); err != nil {
				t.Errorf("%s links to %s: %v", file, target, err)
				continue
			}
			if anchor != "" && !slices.Contains(read(t, to).anchors(), anchor) {
				t.Errorf("%s links to %s: there is no such heading", file, target)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found: is the pattern right?", links)
	}
}

func TestChinesePagesAreTwinsOfTheEnglishOnes(t *testing.T) {
	twins := map[string]string{"README.zh.md": "README.md"}
	for _, file := range pages(t) {
		if rest, ok := strings.CutPrefix(file, "docs/zh/"); ok {
			twins[file] = "docs/" + rest
		}
	}
	for _, page := range []string{"quickstart.md", "cli.md", "runbooks/restore-etcd.md", "runbooks/restore-without-holdfast.md"} {
		if twins["docs/zh/"+page] == "" {
			t.Errorf("docs/%s has no twin in docs/zh", page)
		}
	}
	for chinese, english := range twins {
		zh, en := read(t, chinese), read(t, english)
		if diff := cmp.Diff(en.levels(), zh.levels()); diff != "" {
			t.Errorf("headings of %s (-) and %s (+): %s", english, chinese, diff)
		}
		if diff := cmp.Diff(en.code, zh.code); diff != "" {
			t.Errorf("code of %s (-) and %s (+): %s", english, chinese, diff)
		}
		if en.rows != zh.rows {
			t.Errorf("tables of %s have %d rows, those of %s %d", english, en.rows, chinese, zh.rows)
		}
	}
}

// The flags that several commands share stand in sections of their own, to which a command's section links.
var shared = map[string]string{
	"(#connection-flags)": "Connection flags", "(#repository-flags)": "Repository flags",
	"(#manager-flags)": "Manager flags", "(#waiting-flags)": "Waiting flags", "(#source-flags)": "Source flags",
	"(#连接参数)": "连接参数", "(#仓库参数)": "仓库参数",
	"(#管理端参数)": "管理端参数", "(#等待参数)": "等待参数", "(#来源参数)": "来源参数",
}

func TestTheReferenceNamesEveryFlagOfEachCommand(t *testing.T) {
	for file, global := range map[string]string{"docs/cli.md": "Global flags", "docs/zh/cli.md": "全局参数"} {
		sections := read(t, file).sections
		root := command()
		root.InitDefaultHelpCmd()
		if diff := cmp.Diff(flags(root.PersistentFlags()), flagsIn(sections[global])); diff != "" {
			t.Errorf("%s, global flags (- program, + page): %s", file, diff)
		}
		documented := 0
		walk(root, func(cmd *cobra.Command) {
			text, ok := sections[cmd.CommandPath()]
			if !ok {
				t.Errorf("%s has no section %q", file, cmd.CommandPath())
				return
			}
			documented++
			named := flagsIn(text)
			for link, section := range shared {
				if strings.Contains(text, link) {
					named = append(named, flagsIn(sections[section])...)
				}
			}
			slices.Sort(named)
			if diff := cmp.Diff(flags(cmd.LocalNonPersistentFlags()), named); diff != "" {
				t.Errorf("%s, %s (- program, + page): %s", file, cmd.CommandPath(), diff)
			}
		})
		for title := range sections {
			if strings.HasPrefix(title, "holdfast ") {
				documented--
			}
		}
		if documented != -1 { // completion, which is cobra's, has a section and is not walked
			t.Errorf("%s has sections for commands that the program does not have, or lacks some: %d", file, documented)
		}
	}
}

func TestExitCodesInTheReferenceAreThoseOfTheHelp(t *testing.T) {
	row := regexp.MustCompile(`(?m)^\| (\d+) \| (.*) \|$`)
	help := regexp.MustCompile(`(?m)^ *(\d+)  (.*)$`)
	var want, got [][]string
	for _, m := range help.FindAllStringSubmatch(command().Long, -1) {
		want = append(want, m[1:])
	}
	for _, m := range row.FindAllStringSubmatch(read(t, "docs/cli.md").sections["Exit codes"], -1) {
		got = append(got, m[1:])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("exit codes (- program, + page): %s", diff)
	}
}

func TestTheManifestInTheSpecificationIsGenuine(t *testing.T) {
	p := read(t, "docs/formats.md")
	i := slices.IndexFunc(p.code, func(c string) bool { return strings.HasPrefix(c, "{\"manifest\":{\n") })
	if i < 0 {
		t.Fatal("docs/formats.md shows no manifest")
	}
	m, err := snapshot.DecodeManifest([]byte(p.code[i]))
	if err != nil {
		t.Fatal(err)
	}
	if m.Proved() != snapshot.LevelRestore {
		t.Errorf("the manifest shows evidence %q, not a trial restore", m.Proved())
	}
	for _, field := range fields(reflect.TypeFor[snapshot.Manifest](), "") {
		if !strings.Contains(p.text, "`"+field+"`") {
			t.Errorf("docs/formats.md does not explain the field %s", field)
		}
	}
}

func TestTheConfigFileInTheQuickstartShowsEveryField(t *testing.T) {
	p := read(t, "docs/quickstart.md")
	i := slices.IndexFunc(p.code, func(c string) bool { return strings.Contains(c, "\nrepositories:\n") })
	if i < 0 {
		t.Fatal("docs/quickstart.md shows no config file")
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(p.code[i]), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := settings.Load(path, os.Getenv); err != nil {
		t.Fatal(err)
	}
	for _, field := range fields(reflect.TypeFor[settings.File](), "") {
		name := field[strings.LastIndexByte(field, '.')+1:]
		if !regexp.MustCompile(`(?m)^ *` + name + `:`).MatchString(p.code[i]) {
			t.Errorf("the config file in docs/quickstart.md lacks %s", field)
		}
	}
}

func TestEveryDecisionSaysContextChoiceAndAlternatives(t *testing.T) {
	files, err := filepath.Glob("decisions/*.md")
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for _, file := range files {
		if !regexp.MustCompile(`^\d{4}-[a-z0-9-]+\.md$`).MatchString(filepath.Base(file)) {
			t.Errorf("%s is not named NNNN-title.md", file)
		}
		for _, section := range []string{"Context", "Choice", "Alternatives"} {
			if read(t, "docs/"+file).sections[section] == "" {
				t.Errorf("%s has no section %s", file, section)
			}
		}
	}
}

// command is the program's own tree of commands.
func command() *cobra.Command {
	return cli.NewCommand(&console.Console{
		In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Now: time.Now,
		Getenv: func(string) string { return "" },
	})
}

// walk visits the commands that do something.
func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	for _, sub := range cmd.Commands() {
		switch {
		case sub.Name() == "help" || sub.Name() == "completion" || sub.Hidden:
		case sub.HasSubCommands():
			walk(sub, visit)
		default:
			visit(sub)
		}
	}
}

func flags(set *pflag.FlagSet) []string {
	var names []string
	set.VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" && f.Name != "version" {
			names = append(names, "--"+f.Name)
		}
	})
	slices.Sort(names)
	return names
}

var flagRow = regexp.MustCompile("(?m)^\\| (?:`-\\w`, )?`(--[a-z0-9-]+)(?: [A-Z]+)?` \\|")

// flagsIn are the flags that the tables of a section name.
func flagsIn(text string) []string {
	var names []string
	for _, m := range flagRow.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// fields are the JSON paths of a struct's fields, lists as "evidence[].level".
func fields(t reflect.Type, prefix string) []string {
	var names []string
	for _, f := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		inner, separator := f.Type, "."
		for inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map || inner.Kind() == reflect.Pointer {
			if inner.Kind() == reflect.Slice {
				separator = "[]."
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[time.Time]() && inner != reflect.TypeFor[snapshot.Member]() {
			names = append(names, fields(inner, prefix+name+separator)...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

// pages are all pages of the repository, relative to its top.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".md") {
			rel, err := filepath.Rel(top, path)
			found = append(found, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
