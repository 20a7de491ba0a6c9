package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Invocation is how the program is started.
type Invocation struct {
	// Args follow the program: the subcommand, then flags.
	Args []string
	// Env is the whole environment that it is started with, that of the unit's files included.
	Env map[string]string
	// Prefix of the program's own variables: K3S or RKE2.
	Prefix string
	// File is read when neither the environment nor the command line names another.
	File string
}

// ErrRemote: the file is a URL. What it says can be known to the program alone.
var ErrRemote = errors.New("the configuration is read from a URL")

// Read reads the configuration of an invocation from the files that it names, out of fsys, which is rooted at "/". A file
// that is missing is none, as for the program.
func Read(inv Invocation, fsys fs.FS) (*Config, error) {
	given := parseArgs(inv.Args)
	file := inv.file(given)
	if strings.HasPrefix(file, "http://") || strings.HasPrefix(file, "https://") {
		return nil, fmt.Errorf("read %s: %w", file, ErrRemote)
	}
	values, err := readFiles(fsys, file)
	if err != nil {
		return nil, err
	}
	// The files' values stand before those of the command line. Of a flag that takes one value the last counts; of one
	// that takes several, all do: the caller knows which is which.
	for flag, more := range given {
		values[flag] = append(values[flag], more...)
	}
	return &Config{values: values, env: maps.Clone(inv.Env), prefix: inv.Prefix}, nil
}

// file is the path of the configuration file: the environment beats the command line.
func (inv Invocation) file(given map[string][]string) string {
	if file := inv.Env[inv.Prefix+"_CONFIG_FILE"]; file != "" {
		return file
	}
	if named := given["config"]; len(named) > 0 && named[len(named)-1] != "" {
		return named[len(named)-1]
	}
	return inv.File
}

// short are the one-letter names of flags.
var short = map[string]string{
	"c": "config", "d": "data-dir", "t": "token", "s": "server", "v": "v", "l": "log", "i": "node-ip", "n": "cluster-dns",
}

// parseArgs reads the flags of a command line. Which of them are switches need not be known: a server takes no arguments,
// so a word that is no flag belongs to the one before it.
func parseArgs(args []string) map[string][]string {
	flags := map[string][]string{}
	for i := 0; i < len(args); i++ {
		if len(args[i]) < 2 || args[i][0] != '-' {
			continue // the subcommand
		}
		name, value, given := strings.Cut(strings.TrimPrefix(args[i][1:], "-"), "=")
		if long, ok := short[name]; ok {
			name = long
		}
		if !given && i+1 < len(args) && !strings.HasPrefix(args[i+1], "-") {
			i++
			value, given = args[i], true
		}
		if !given {
			value = "true"
		}
		flags[name] = append(flags[name], value)
	}
	return flags
}

// Paths are the files that a configuration is read from, in their order: the file itself, and its drop-ins, which count
// also where the file is missing.
func Paths(fsys fs.FS, file string) ([]string, error) {
	dir := file + ".d"
	entries, err := fs.ReadDir(fsys, relative(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the drop-ins of %s: %w", file, err)
	}
	paths := []string{file}
	for _, e := range entries { // sorted by name
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths, nil
}

// relative is a path as fs.FS wants it.
func relative(path string) string {
	if path = strings.TrimPrefix(filepath.Clean(path), "/"); path == "" {
		return "."
	}
	return path
}

func readFiles(fsys fs.FS, file string) (map[string][]string, error) {
	values := map[string][]string{}
	paths, err := Paths(fsys, file)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := fs.ReadFile(fsys, relative(path))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read the configuration: %w", err)
		}
		entries, err := parseFile(data)
		if err != nil {
			return nil, fmt.Errorf("read the configuration %s: %w", path, err)
		}
		for _, e := range entries {
			e.merge(values)
		}
	}
	return values, nil
}

// merge adds an entry to what the files before it said.
func (e entry) merge(values map[string][]string) {
	if e.appends {
		values[e.flag] = append(slices.Clone(values[e.flag]), e.values...)
		return
	}
	values[e.flag] = e.values
}
