package distro_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/test/distro"
)

func TestEveryBehaviourThatIsClaimedHasItsTest(t *testing.T) {
	var code strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		code.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range distro.Conformance() {
		if b.Test == "" {
			continue
		}
		name, sub, _ := strings.Cut(b.Test, "/")
		if !strings.Contains(code.String(), "func "+name+"(t ") {
			t.Errorf("%s (%s): there is no test %s", b.Text, b.Section, name)
		}
		if sub != "" && !strings.Contains(code.String(), "t.Run(\""+sub+"\"") {
			t.Errorf("%s (%s): %s has no part called %q", b.Text, b.Section, name, sub)
		}
	}
}
