package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"text/tabwriter"

	"sigs.k8s.io/yaml"
)

// Format is a value of -o.
type Format string

// The formats.
const (
	Table Format = "table"
	JSON  Format = "json"
	YAML  Format = "yaml"
	Name  Format = "name"
)

// Formats are all of them.
var Formats = []string{string(Table), string(JSON), string(YAML), string(Name)}

// String, Set and Type make Format a flag.
func (f *Format) String() string { return string(*f) }

// Set refuses an unknown format.
func (f *Format) Set(s string) error {
	for _, known := range Formats {
		if s == known {
			*f = Format(s)
			return nil
		}
	}
	return fmt.Errorf("use one of %s", strings.Join(Formats, ", "))
}

// Type is what help texts call the value.
func (f *Format) Type() string { return "format" }

// Result is what a command found out, in all the forms in which it can be asked for.
type Result struct {
	// Value is printed as JSON or YAML. Its JSON field names are documented and stable.
	Value any
	// Names are printed one a line for -o name.
	Names []string
	// Table prints for people.
	Table func(w io.Writer)
}

// Print writes a result to standard output in the chosen format, all at once: a reader gets the whole or an error.
func (c *Console) Print(r Result) error {
	var b bytes.Buffer
	if err := c.render(&b, r); err != nil {
		return err
	}
	switch _, err := b.WriteTo(c.Out); {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPIPE):
		return errNoReader
	default:
		return fmt.Errorf("print the result: %w", err)
	}
}

func (c *Console) render(b *bytes.Buffer, r Result) error {
	switch c.Format {
	case JSON:
		enc := json.NewEncoder(b)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(r.Value)
	case YAML:
		data, err := yaml.Marshal(r.Value)
		b.Write(data)
		return err
	case Name:
		for _, n := range r.Names {
			fmt.Fprintln(b, n)
		}
	default:
		r.Table(b)
	}
	return nil
}

// Columns aligns rows under a header, kubectl's way.
func Columns(w io.Writer, header []string, rows [][]string) {
	tw := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(tw, strings.Join(header, "\t"))
	for _, row := range rows {
		fmt.Fprintln(tw, strings.Join(row, "\t"))
	}
	tw.Flush()
}

// Pairs prints "Key:   value" lines, aligned. Empty values are left out.
func Pairs(w io.Writer, pairs ...string) {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(tw, "%s:\t%s\n", pairs[i], pairs[i+1])
		}
	}
	tw.Flush()
}
