package config

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// entry is one key of a file.
type entry struct {
	flag   string
	values []string
	// appends is the "+" after a key: what came before stays.
	appends bool
}

var errNoMapping = errors.New("it is no mapping of keys to values")

// parseFile reads a file's entries in their order. It holds one mapping; an empty file is one without keys.
func parseFile(data []byte) ([]entry, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, nil
	}
	top := doc.Content[0]
	if top.Kind == yaml.ScalarNode && top.Tag == "!!null" {
		return nil, nil
	}
	if top.Kind != yaml.MappingNode {
		return nil, errNoMapping
	}
	var entries []entry
	for i := 0; i+1 < len(top.Content); i += 2 {
		values, err := texts(top.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", top.Content[i].Value, err)
		}
		flag, appends := strings.CutSuffix(top.Content[i].Value, "+")
		entries = append(entries, entry{flag: flag, values: values, appends: appends})
	}
	return entries, nil
}

// texts are the arguments that a value becomes: one for a scalar, one for each element of a list.
func texts(n *yaml.Node) ([]string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.SequenceNode {
		text, err := scalar(n)
		return []string{text}, err
	}
	values := []string{}
	for _, element := range n.Content {
		text, err := scalar(element)
		if err != nil {
			return nil, err
		}
		values = append(values, text)
	}
	return values, nil
}

// scalar is a value as an argument of the command line: numbers and booleans as YAML understands them.
func scalar(n *yaml.Node) (string, error) {
	var value any
	if err := n.Decode(&value); err != nil {
		return "", err
	}
	if value == nil {
		return "", nil
	}
	return fmt.Sprint(value), nil
}
