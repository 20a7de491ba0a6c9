package enroll

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestAJoinTokenSurvivesItsText(t *testing.T) {
	token, err := newJoinToken(strings.Repeat("0f", 32), "c-one")
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseJoinToken("  " + token.Text() + "\n")
	if err != nil || got != token {
		t.Errorf("%v is read as %v, %v", token, got, err)
	}
}

func TestAJoinTokenPrintsWithoutItsSecret(t *testing.T) {
	token, err := newJoinToken(strings.Repeat("0f", 32), "c-one")
	if err != nil {
		t.Fatal(err)
	}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&printed, verb+"\n", token)
		fmt.Fprintf(&printed, verb+"\n", struct{ Token JoinToken }{token})
	}
	slog.New(slog.NewTextHandler(&printed, nil)).Info("joins", "token", token)
	slog.New(slog.NewJSONHandler(&printed, nil)).Info("joins", "token", token)
	if strings.Contains(printed.String(), token.secret) {
		t.Errorf("the secret %q is in\n%s", token.secret, &printed)
	}
}

func TestWhatIsNoJoinTokenIsRefusedWithoutRepeatingIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hash := rapid.SampledFrom([]string{strings.Repeat("0f", 32), "0f", "", strings.Repeat("zz", 32)}).Draw(t, "hash")
		rest := rapid.SampledFrom([]string{"c-one:id:", "c-one:id:UPPERSECRET", ":id:lowersecret", "c-one::lowersecret", "c/one:id:lowersecret", "lowersecret"}).Draw(t, "rest")
		text := rapid.SampledFrom([]string{"hf1:", "hf2:", ""}).Draw(t, "version") + hash + ":" + rest
		token, err := ParseJoinToken(text)
		if err == nil {
			t.Fatalf("%q is taken for %v", text, token)
		}
		if strings.Contains(strings.ToLower(err.Error()), "secret") {
			t.Errorf("%q", err)
		}
	})
}

func TestAMachineIsNamedAfterItsHost(t *testing.T) {
	for host, want := range map[string]string{
		"node1": "node1", "Node1.Example.COM": "node1.example.com", "my_node": "my-node", "-a.": "a", "ein wörtchen": "ein-w-rtchen",
		"": "", "...": "", "a..b": "", strings.Repeat("a", 201): "", "a.-b": "",
	} {
		got, err := machineName(host)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", host, got, err, want)
		}
	}
}
