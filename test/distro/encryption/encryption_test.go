package encryption

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestKeysAreAddedRotatedAndDroppedAsTheirStagesSay(t *testing.T) {
	f := Files{Dir: t.TempDir() + "/cred"}
	if f.Exist() {
		t.Fatal("there are settings already")
	}
	if err := f.Ensure(); err != nil {
		t.Fatal(err)
	}
	hash, err := f.Hash()
	if err != nil {
		t.Fatal(err)
	}
	if state, err := f.State(); state != "start-"+hash || err != nil {
		t.Errorf("its state is %s, %v", state, err)
	}
	if err := f.Ensure(); err != nil {
		t.Fatal(err)
	}
	if again, _ := f.Hash(); again != hash {
		t.Error("a key that is there was made anew")
	}
	for _, step := range []struct {
		do   func(*Settings)
		want string
	}{
		{func(s *Settings) { s.AddKey(time.Unix(0, 0).UTC()) }, "aescbckey aescbckey-1970-01-01T00:00:00Z identity"},
		{(*Settings).RotateRight, "aescbckey-1970-01-01T00:00:00Z aescbckey identity"},
		{(*Settings).DropLast, "aescbckey-1970-01-01T00:00:00Z identity"},
		{(*Settings).DropLast, "aescbckey-1970-01-01T00:00:00Z identity"},
		{func(s *Settings) { s.Enabled = false }, "identity aescbckey-1970-01-01T00:00:00Z"},
	} {
		s, err := f.Read()
		if err != nil {
			t.Fatal(err)
		}
		step.do(&s)
		if err := f.Write(s); err != nil {
			t.Fatal(err)
		}
		if got := f.order(t); got != step.want {
			t.Errorf("the order is %s, and should be %s", got, step.want)
		}
	}
	if err := f.Enter(Finished); err != nil {
		t.Fatal(err)
	}
	if state, err := f.State(); !strings.HasPrefix(state, "reencrypt_finished-") || err != nil {
		t.Errorf("its state is %s, %v", state, err)
	}
}

// order of the providers and keys in the file.
func (f Files) order(t *testing.T) string {
	t.Helper()
	s, err := f.Read()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(f.config())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, k := range s.Keys {
		names = append(names, k.Name)
	}
	keys := strings.Join(names, " ")
	if strings.Index(string(data), `"identity"`) < strings.Index(string(data), `"aescbc"`) {
		return "identity " + keys
	}
	return keys + " identity"
}
