package runbook_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-dev/holdfast/test/runbook"
)

const text = "# A page\n\n" +
	"```sh\nCLUSTER=prod # a word\nGONE=a,b # with commas\nKUBECTL=\"k3s kubectl\"\n```\n\n" +
	"## 1. Look\n\n```sh\nholdfast machine ls \"$CLUSTER\"\n```\n\n```text\nMACHINE  STATE\nb …  gone\n```\n\n" +
	"## 2. Do\n\n```sh\n# on $GONE\n$KUBECTL get nodes\n```\n\nand\n\n```sh\n# exit code 3: it is refused\nholdfast restore plan\n```\n\n" +
	"```yaml\nnobody: types this\n```\n\n" +
	"## Else\n\n```sh\ntrue\n```\n"

// hands note what is typed.
type hands struct {
	typed []string
	print func(script string) (string, int)
}

func (h *hands) Type(_ context.Context, machine, script string) (string, int, error) {
	commands := script[strings.LastIndex(script, "KUBECTL='")+len("KUBECTL='k kubectl'\n"):]
	h.typed = append(h.typed, machine+": "+commands)
	printed, code := h.print(commands)
	return printed, code, nil
}

func well(commands string) (string, int) {
	if strings.Contains(commands, "restore plan") {
		return "", 3
	}
	return "MACHINE   STATE\nnode3 is   gone\n", 0
}

func read(t *testing.T, values map[string]string) (*runbook.Page, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return runbook.Read(path, values)
}

func values() map[string]string {
	return map[string]string{"CLUSTER": "lab", "GONE": "node2,node3", "KUBECTL": "k kubectl"}
}

func TestAPageIsTypedAsItStands(t *testing.T) {
	p, err := read(t, values())
	if err != nil {
		t.Fatal(err)
	}
	h := &hands{print: well}
	if err := p.Follow(t.Context(), h, "1. Look", "2. Do"); err != nil {
		t.Fatal(err)
	}
	want := []string{
		": holdfast machine ls \"$CLUSTER\"\n", "node2: # on $GONE\n$KUBECTL get nodes\n", "node3: # on $GONE\n$KUBECTL get nodes\n",
		": # exit code 3: it is refused\nholdfast restore plan\n",
	}
	if diff := cmp.Diff(want, h.typed); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Else"}, p.Left()); diff != "" {
		t.Error(diff)
	}
}

func TestAPageThatSaysSomethingElseThanWhatHappensIsAnError(t *testing.T) {
	for name, print := range map[string]func(string) (string, int){
		"another exit code":  func(string) (string, int) { return "MACHINE STATE\nnode3 is gone\n", 1 },
		"something else":     func(string) (string, int) { return "MACHINE STATE\nnode2 is\ngone\n", 0 },
		"the page's example": func(string) (string, int) { return "MACHINE STATE\nb is gone\n", 0 },
	} {
		p, err := read(t, values())
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Follow(t.Context(), &hands{print: print}, "1. Look"); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestEveryNameOfAPageIsGivenAndNoOther(t *testing.T) {
	few, many := values(), values()
	delete(few, "GONE")
	many["OTHER"] = "x"
	for _, values := range []map[string]string{few, many} {
		if _, err := read(t, values); err == nil {
			t.Errorf("%v was taken", values)
		}
	}
	p, err := read(t, values())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Follow(t.Context(), &hands{print: well}, "3. Missing"); err == nil {
		t.Error("a section that is not there was followed")
	}
}
