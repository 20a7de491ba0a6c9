package console

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// Ask lets a person confirm by typing a word, on a line of its own. Where nobody answers, nothing is confirmed.
func (c *Console) Ask(question, word string) error {
	fmt.Fprintf(c.Err, "%s\nType %s to go on: ", question, word)
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(c.Err)
		return &problem.Error{Kind: problem.Refused, Why: "nobody confirmed it; nothing was changed", Next: "pass --yes where nobody can answer"}
	}
	if strings.TrimSpace(answer) != word {
		return &problem.Error{Kind: problem.Refused, Why: fmt.Sprintf("%q is not %q; nothing was changed", strings.TrimSpace(answer), word)}
	}
	return nil
}
