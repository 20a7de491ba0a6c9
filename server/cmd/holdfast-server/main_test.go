package main

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// asMain makes this test's binary run as holdfast-server.
const asMain = "HOLDFAST_SERVER_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// process is a running holdfast-server.
type process struct {
	*exec.Cmd
	said, logged bytes.Buffer
	address      string
}

func begin(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: command(t, append([]string{"--data-dir", dir, "--advertise-address", "127.0.0.1"}, args...)...)}
	p.Stderr = &p.logged
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
		if t.Failed() {
			t.Logf("it said\n%s\nand logged\n%s", &p.said, &p.logged)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		p.said.WriteString(lines.Text() + "\n")
		if address, is := strings.CutPrefix(strings.TrimSpace(lines.Text()), "address"); is {
			p.address = strings.TrimPrefix(strings.TrimSpace(address), "https://")
		}
		if strings.Contains(lines.Text(), "kubeconfig") {
			return p
		}
	}
	t.Fatal("it did not start")
	return nil
}

// stop asks for an orderly end. What it takes is bounded by the command's own deadline.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	case <-time.After(30 * time.Second): // without care it is a minute and more
		t.Fatal("it does not end")
	}
}

// TestTheProgramEndsOnASignalAndComesBackFromItsBackup is what the runbook of a lost manager says, on one host.
func TestTheProgramEndsOnASignalAndComesBackFromItsBackup(t *testing.T) {
	dir, vault, secrets := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "vault"), t.TempDir()
	phrase := filepath.Join(secrets, "phrase")
	if err := os.WriteFile(phrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := begin(t, dir, "--listen", "127.0.0.1:0")
	watchNamespaces(t, dir)
	must(t, command(t, "backup", "--data-dir", dir, "--repo", "file://"+vault, "--backup-passphrase-file", phrase))
	refused := command(t, "restore", "--data-dir", dir, "--repo", "file://"+vault, "--latest", "--passphrase-file", phrase)
	if out, err := refused.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("it is not empty")) || refused.ProcessState.ExitCode() != 3 {
		t.Errorf("into a directory in use: %v\n%s", err, out)
	}
	p.stop(t)
	if token := regexp.MustCompile(`eyJ[A-Za-z0-9_-]{20,}`); token.Match(p.said.Bytes()) || token.Match(p.logged.Bytes()) {
		t.Error("a token is in what it said or logged, and there was no terminal")
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	listed := must(t, command(t, "restore", "--repo", "file://"+vault))
	must(t, command(t, "restore", "--data-dir", dir, "--repo", "file://"+vault, "--passphrase-file", phrase, strings.Fields(listed)[0]))
	p = begin(t, dir, "--listen", p.address)
	watchNamespaces(t, dir)
	p.stop(t)
}

func must(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var logged bytes.Buffer
	cmd.Stderr = &logged
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args[1:], err, out, &logged)
	}
	return string(out)
}

// watchNamespaces opens a watch with the kubeconfig, and leaves it open.
func watchNamespaces(t *testing.T, dir string) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	w, err := client.CoreV1().Namespaces().Watch(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	select {
	case <-w.ResultChan():
	case <-time.After(time.Minute):
		t.Fatal("the watch tells nothing")
	}
}

// TestADataDirectoryThatCannotWorkIsRefusedBeforeAnythingIsMade: the kernel bounds the paths of sockets.
func TestADataDirectoryThatCannotWorkIsRefusedBeforeAnythingIsMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	phrase := filepath.Join(t.TempDir(), "phrase")
	if err := os.WriteFile(phrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--listen", "127.0.0.1:0"},
		{"restore", "--repo", "file://" + t.TempDir(), "--latest", "--passphrase-file", phrase},
	} {
		cmd := command(t, append(args, "--data-dir", dir)...)
		out, err := cmd.CombinedOutput()
		if err == nil || cmd.ProcessState.ExitCode() != 3 || !strings.Contains(string(out), "give a --data-dir with a shorter path") {
			t.Errorf("%v: %v\n%s", args, err, out)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v has made it", args)
		}
	}
}

func TestWhatIsWrongOnTheCommandLineIsToldBeforeAnythingStarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no recipient": {[]string{"--backup-repo", "file:///vault"}, "recipients or a passphrase"},
		"recipient":    {[]string{"--backup-repo", "file:///vault", "--backup-recipient", "age1"}, "no age public key"},
		"schedule": {
			[]string{"--backup-repo", "file:///vault", "--backup-recipient", identity.Recipient().String(), "--backup-schedule", "x"},
			"give five fields",
		},
		"log level":     {[]string{"--log-level", "loud"}, "give debug, info, warn or error"},
		"no repository": {[]string{"backup"}, "no repository"},
		"both":          {[]string{"restore", "a", "--latest"}, "a name and --latest were given"},
		"keep":          {[]string{"backup", "--backup-keep", "0"}, "at least one"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, append(test.args, "--data-dir", dir)...)
			cmd.Env = append(cmd.Env, "HOLDFAST_REPO=", "HOME="+t.TempDir())
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), test.want) {
				t.Errorf("%v; it does not say %q:\n%s", err, test.want, out)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Error("it has made its data directory")
			}
		})
	}
}
