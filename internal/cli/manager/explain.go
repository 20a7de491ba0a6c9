package manager

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// explain words what the manager, or the way to it, has answered. The user's own signal stays what it is.
func (m *Manager) explain(op, subject string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	p := &problem.Error{Kind: problem.Failed, Op: op, Subject: subject + " at " + m.Address, Err: err}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		m.explainStatus(p, subject, status.Status())
	} else {
		m.explainConnection(p)
	}
	return p
}

// explainStatus is about an answer of the API server.
func (m *Manager) explainStatus(p *problem.Error, subject string, s metav1.Status) {
	p.Why = s.Message
	switch s.Reason {
	case metav1.StatusReasonUnauthorized:
		p.Kind, p.Why = problem.Denied, "it does not accept the credential in "+m.kubeconfig+": it has expired or was withdrawn"
		p.Next = "ask an administrator for a new kubeconfig; on the manager's host " + serverKubeconfig + " is one"
	case metav1.StatusReasonForbidden:
		p.Kind = problem.Denied
		p.Why, p.Next = forbidden(s.Message)
	case metav1.StatusReasonNotFound:
		p.Kind = problem.NotFound
		if s.Details == nil || s.Details.Name == "" {
			p.Why = "that API server does not have Holdfast's resources"
			p.Next = "is it the manager's? choose with --kubeconfig or --context"
			break
		}
		p.Op, p.Subject, p.Why = "find", subject+" at "+m.Address, "there is none"
	case metav1.StatusReasonInvalid, metav1.StatusReasonBadRequest:
		p.Kind, p.Why = problem.Usage, causes(s)
	case metav1.StatusReasonAlreadyExists:
		p.Kind, p.Why = problem.Refused, "it exists already"
	case metav1.StatusReasonConflict:
		p.Kind, p.Why, p.Next = problem.Refused, "somebody else has changed it meanwhile", "look at it again, and repeat the command"
	case metav1.StatusReasonTimeout, metav1.StatusReasonServerTimeout, metav1.StatusReasonTooManyRequests, metav1.StatusReasonServiceUnavailable:
		p.Kind, p.Next = problem.Unreachable, "try again in a while; systemctl status holdfast-server on its host says how it is"
	default:
		if strings.Contains(s.Message, "field not declared in schema") { // server-side apply's words for a misspelt field
			p.Kind = problem.Usage
			if _, after, ok := strings.Cut(s.Message, "): "); ok {
				p.Why = after
			}
		}
		if s.Code == http.StatusBadGateway || s.Code == http.StatusServiceUnavailable {
			p.Kind, p.Next = problem.Unreachable, "is holdfast-server still starting? systemctl status holdfast-server on its host"
		}
	}
	if p.Why != "" {
		p.Err = said{p.Why, p.Err}
		p.Why = ""
	}
}

// said is an error whose own words are replaced by better ones, and that can still be taken apart.
type said struct {
	text string
	error
}

func (s said) Error() string { return s.text }
func (s said) Unwrap() error { return s.error }

var refusedRight = regexp.MustCompile(`cannot (\w+) resource "([^"]+)" in API group "[^"]*"(?: (?:in the namespace|at the cluster scope).*)?`)

// forbidden tells which right is missing, and which role has it.
func forbidden(message string) (why, next string) {
	m := refusedRight.FindStringSubmatch(message)
	if m == nil {
		return message, "ask an administrator for the role holdfast-admin"
	}
	why = "you may not " + m[1] + " " + m[2]
	if _, place, ok := strings.Cut(m[0], " in the namespace "); ok {
		why += " in namespace " + strings.Trim(place, `"`)
	} else {
		why += " in all namespaces"
	}
	return why, "ask an administrator for the role " + roleFor(m[1], m[2]) + ", or name a namespace that you may use with -n"
}

// roleFor is the smallest role that grants a right, as deploy/rbac has them.
func roleFor(verb, resource string) string {
	base, _, _ := strings.Cut(resource, "/")
	reads := verb == "get" || verb == "list" || verb == "watch"
	switch {
	case base == "secrets":
		return "holdfast-admin"
	case reads:
		return "holdfast-viewer"
	case strings.HasPrefix(base, "etcdsnapshot") && resource != "etcdsnapshots" && verb != "delete":
		return "holdfast-operator"
	}
	return "holdfast-admin"
}

// causes are what the API server found wrong, a field each.
func causes(s metav1.Status) string {
	if s.Details == nil || len(s.Details.Causes) == 0 {
		return s.Message
	}
	var parts []string
	for _, c := range s.Details.Causes {
		text := c.Message
		if c.Field != "" && c.Field != "<nil>" {
			text = c.Field + ": " + text
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, "; ")
}

// explainConnection is about what came before an answer.
func (m *Manager) explainConnection(p *problem.Error) {
	p.Kind = problem.Unreachable
	next := "is the address right, and does holdfast-server run there? Backups go on without it; on a machine holdfast repo ls shows them"
	why := ""
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case as[x509.UnknownAuthorityError](p.Err):
		why, next = "its certificate is not from the CA in "+m.kubeconfig, "was the manager set up anew? take the kubeconfig from its host"
	case errors.As(p.Err, &name):
		why, next = "its certificate does not name "+name.Host, "use an address that it names, or add this one to the manager's"
	case errors.As(p.Err, &invalid) && invalid.Reason == x509.Expired:
		why, next = "its certificate has expired", "compare the clocks of both machines"
	case as[tls.RecordHeaderError](p.Err):
		why, next = "it does not speak TLS", "correct the address in "+m.kubeconfig
	case errors.Is(p.Err, syscall.ECONNREFUSED):
		why = "nothing listens there"
	case as[*net.DNSError](p.Err):
		why = "its name is not known"
	case errors.Is(p.Err, context.DeadlineExceeded):
		why = "no answer in " + m.timeout.String()
	}
	if why == "" {
		var request *url.Error
		if errors.As(p.Err, &request) {
			why = request.Err.Error() // without method and address
		} else {
			why = p.Err.Error()
		}
	}
	p.Err, p.Next = said{why, p.Err}, next
}

func as[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

func word(gvk schema.GroupVersionKind) string {
	if k := kindOf(gvk); k != nil {
		return k.word
	}
	return strings.ToLower(gvk.Kind)
}
