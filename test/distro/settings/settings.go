// Package settings turns config.yaml and config.yaml.d into arguments, by the distributions' rules (surface 2): files in
// name order, the last value of a key wins, "key+" appends, lists become repeated flags, and all of it stands before the
// arguments of the command line. A file that is an URL is not reproduced.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// Merge reads a file and its drop-ins: key → values. A file that does not exist is empty.
func Merge(file string) (map[string][]string, error) {
	merged := map[string][]string{}
	for _, path := range append([]string{file}, dropIns(file+".d")...) {
		if err := add(merged, path); err != nil {
			return nil, err
		}
	}
	return merged, nil
}

func dropIns(dir string) []string {
	entries, err := os.ReadDir(dir) // in name order
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

func add(merged map[string][]string, path string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var content map[string]any
	if err := yaml.Unmarshal(data, &content); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for key, value := range content {
		values := list(value)
		if name, ok := strings.CutSuffix(key, "+"); ok {
			merged[name] = append(merged[name], values...)
		} else {
			merged[key] = values
		}
	}
	return nil
}

func list(value any) []string {
	switch v := value.(type) {
	case nil:
		return []string{""}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, fmt.Sprint(e))
		}
		return all
	case float64:
		return []string{strings.TrimSuffix(fmt.Sprintf("%f", v), ".000000")}
	default:
		return []string{fmt.Sprint(v)}
	}
}

// Args are the arguments that the merged settings mean for a command that has the known flags, and those that it has not.
func Args(merged map[string][]string, known func(string) bool) (args, unknown []string) {
	for _, key := range slices.Sorted(maps.Keys(merged)) {
		for _, value := range merged[key] {
			if known(key) {
				args = append(args, "--"+key+"="+value)
			} else {
				unknown = append(unknown, "--"+key+"="+value)
			}
		}
	}
	return args, unknown
}

// File is the configuration that a command line and an environment name; the environment wins.
func File(args []string, env, byDefault string) string {
	if env != "" {
		return env
	}
	for i, arg := range args {
		for _, flag := range []string{"--config", "-config", "-c", "--c"} {
			if value, ok := strings.CutPrefix(arg, flag+"="); ok {
				return value
			}
			if arg == flag && i+1 < len(args) {
				return args[i+1]
			}
		}
	}
	return byDefault
}
