package enroll

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// What both sides and the controllers call things.
const (
	// SystemNamespace holds what belongs to the manager itself.
	SystemNamespace = "holdfast-system"
	// CASecret holds the manager's CA and the key of its certificate.
	CASecret = "holdfast-ca"
	// InfoConfigMap tells whoever invites machines where the manager is. Nothing in it is secret.
	InfoConfigMap = "holdfast-server"
	// JoinTokenType of the Secrets that are kept of join tokens.
	JoinTokenType = "holdfast.dev/join-token"
	// AnnotationGeneration of a MachinePlan is the generation of the Machine that the manager has written last. An agent
	// follows its plan alone, and reads its Machine when this says so: a watch for each of a fleet's machines costs the
	// manager 40 KiB, and settings change rarely.
	AnnotationGeneration = "holdfast.dev/machine-generation"
	// AnnotationIdentity of a Machine is the hash of the only key that speaks for it.
	AnnotationIdentity = "holdfast.dev/identity"
)

// AgentName is what a machine's ServiceAccount, Role and RoleBinding are called.
func AgentName(machine string) string { return "agent-" + machine }

// maxMachineName leaves room for a prefix in names of 253 characters.
const maxMachineName = 200

// machineName makes an object's name of a host's.
func machineName(host string) (string, error) {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '-'
	}, strings.ToLower(host))
	name = strings.Trim(name, "-.")
	if len(name) > maxMachineName || len(validation.IsDNS1123Subdomain(name)) > 0 {
		return "", fmt.Errorf("%q can't be a machine's name: give one of letters, digits, dots and hyphens, at most %d of them", host, maxMachineName)
	}
	return name, nil
}
