package config

import (
	"slices"
	"strconv"
	"strings"
)

// Config is what a node's program was told: the values of its flags by their long names without dashes. It knows no
// defaults.
type Config struct {
	values map[string][]string
	env    map[string]string
	prefix string
}

// Lookup returns the value of a flag that takes one, and whether anything sets it. An empty value counts as set: that is
// how a drop-in takes back what a file or the environment says.
func (c *Config) Lookup(flag string) (value string, set bool) {
	if values := c.values[flag]; len(values) > 0 {
		return values[len(values)-1], true
	}
	value, set = c.env[c.variable(flag)]
	return value, set
}

// String is the value of a flag, or fallback where nothing sets it to more than the empty string.
func (c *Config) String(flag, fallback string) string {
	if value, _ := c.Lookup(flag); value != "" {
		return value
	}
	return fallback
}

// Bool is the value of a switch. What is no boolean, and would keep the program from starting, is false.
func (c *Config) Bool(flag string) bool {
	value, _ := c.Lookup(flag)
	on, _ := strconv.ParseBool(value)
	return on
}

// List is the value of a flag that may be given more than once: those of the files and those of the command line.
func (c *Config) List(flag string) []string {
	if values := c.values[flag]; len(values) > 0 {
		return slices.Clone(values)
	}
	if value := c.env[c.variable(flag)]; value != "" {
		return strings.Split(value, ",")
	}
	return nil
}

// Flags are the names of all flags that files or the command line set, sorted.
func (c *Config) Flags() []string {
	var flags []string
	for flag := range c.values {
		flags = append(flags, flag)
	}
	slices.Sort(flags)
	return flags
}

// variables are the environment variables of flags, those apart that are named otherwise than their flag.
var variables = map[string]string{
	"server": "URL", "etcd-s3-access-key": "AWS_ACCESS_KEY_ID",
	"etcd-s3-secret-key": "AWS_SECRET_ACCESS_KEY", "etcd-s3-session-token": "AWS_SESSION_TOKEN",
}

// variable is the environment variable that a flag falls back to.
func (c *Config) variable(flag string) string {
	name, ok := variables[flag]
	switch {
	case !ok:
		name = strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	case strings.HasPrefix(name, "AWS_"):
		return name
	}
	return c.prefix + "_" + name
}
