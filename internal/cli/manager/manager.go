// Package manager is how commands reach a manager: which one, with what credential, and what its refusals mean to an
// operator.
//
// The manager's API is a Kubernetes API, so every command reads and writes resources of it, and so may kubectl. No
// request is without a deadline, and every error says server, object, cause and next step. Nothing is looked up before
// a command asks: those that need no manager never open a kubeconfig. The package must not know any command. Start
// reading at [Flags.Connect].
package manager

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/internal/cli/console"
)

// Flags choose a manager and a namespace.
type Flags struct {
	console             *console.Console
	kubeconfig, context string
	namespace           string
	requestTimeout      time.Duration
}

// NewFlags returns the flags, not yet bound to a command.
func NewFlags(c *console.Console) *Flags { return &Flags{console: c} }

// defaultRequestTimeout is generous for one object and short for a person who waits.
const defaultRequestTimeout = 20 * time.Second

// Add adds the flags to a command.
func (f *Flags) Add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.kubeconfig, "kubeconfig", "", "file that says how to reach the manager (default $KUBECONFIG, "+
		"~/.config/holdfast/kubeconfig, "+serverKubeconfig+")")
	fs.StringVar(&f.context, "context", "", "context of the kubeconfig (default its current one)")
	fs.StringVarP(&f.namespace, "namespace", "n", "", "namespace of the cluster, where names alone don't decide")
	f.requestTimeout = defaultRequestTimeout
	fs.Var(console.NewWait(&f.requestTimeout), "request-timeout", "for one request to the manager")
	_ = cmd.RegisterFlagCompletionFunc("context", f.completeContexts)
	_ = cmd.RegisterFlagCompletionFunc("namespace", f.completeNamespaces)
}

// Manager is a connection to one.
type Manager struct {
	// Address of its API, as the kubeconfig has it.
	Address string
	// Namespace that -n names; empty: all.
	Namespace string

	client     client.WithWatch
	config     *rest.Config
	kubeconfig string
	timeout    time.Duration
}

// Connect reads the kubeconfig. It sends nothing yet.
func (f *Flags) Connect() (*Manager, error) {
	config, source, err := f.config()
	if err != nil {
		return nil, err
	}
	scheme, mapper, err := resources()
	if err != nil {
		return nil, err
	}
	config.UserAgent = "holdfast/" + f.console.Version
	config.QPS = -1 // a command asks little, and fairness between callers is the server's
	config.WarningHandlerWithContext = warnings{f.console}
	c, err := client.NewWithWatch(config, client.Options{
		Scheme: scheme, Mapper: mapper, FieldOwner: fieldOwner, Log: logr.FromSlogHandler(slog.DiscardHandler), // errors tell it all
	})
	if err != nil {
		return nil, badKubeconfig(source, err)
	}
	return &Manager{
		Address: config.Host, Namespace: f.namespace, client: c, config: config, kubeconfig: source, timeout: f.requestTimeout,
	}, nil
}

// fieldOwner is who the API server notes as the author of what this program writes.
const fieldOwner = "holdfast"

// warnings prints what the API server remarks on a request, as for a deprecated field.
type warnings struct{ console *console.Console }

func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, _ string, text string) {
	if code == 299 && text != "" {
		w.console.Notef("warning: %s", text)
	}
}
