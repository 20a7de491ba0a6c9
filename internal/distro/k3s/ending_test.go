package k3s

import (
	"strings"
	"testing"
)

func TestOfAProgramThatTalksWithoutEndTheEndIsKept(t *testing.T) {
	e := ending{limit: 10}
	for range 1000 {
		if n, err := e.Write([]byte("0123456")); n != 7 || err != nil {
			t.Fatal(n, err)
		}
		if len(e.data) > 27 {
			t.Fatalf("%d bytes are kept", len(e.data))
		}
	}
	if got := e.String(); got != strings.Repeat("0123456", 2)[4:] {
		t.Error(got)
	}
	short := ending{limit: 10}
	_, _ = short.Write([]byte("a word"))
	if got := short.String(); got != "a word" {
		t.Error(got)
	}
}
