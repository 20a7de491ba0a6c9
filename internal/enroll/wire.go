package enroll

import "time"

// The manager's paths. All but PathEnroll take the agent's certificate as the TLS client certificate.
const (
	// PathEnroll answers a Request with an Identity.
	PathEnroll = "/v1/enroll"
	// PathRenew answers a RenewRequest with an Identity.
	PathRenew = "/v1/renew"
	// PathToken answers an empty POST with a Token.
	PathToken = "/v1/token"
	// PathAPI is where the Kubernetes API begins.
	PathAPI = "/k8s"
	// PathInstall is the install script for agents.
	PathInstall = "/install.sh"
	// PathAgent is followed by an operating system and an architecture: "/agent/linux-amd64".
	PathAgent = "/agent/"
)

// Request asks for an identity.
type Request struct {
	// Token as it was given to the operator, complete.
	Token string `json:"token"`
	// CSR in PEM: only its key counts.
	CSR string `json:"csr"`
	// Machine is the name wanted, usually the host name; the manager answers with the one given.
	Machine string `json:"machine"`
}

// RenewRequest asks for a certificate with a later end, for the same key.
type RenewRequest struct {
	CSR string `json:"csr"`
}

// Identity is what an agent keeps.
type Identity struct {
	// Machine and Namespace of the agent's objects, and the Cluster that it belongs to.
	Machine   string `json:"machine"`
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster"`
	// Certificate of the agent and CA of the manager, in PEM.
	Certificate string `json:"certificate"`
	CA          string `json:"ca"`
}

// Token for the Kubernetes API.
type Token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
}

// Refusal is the body of every answer that is no success.
type Refusal struct {
	// Reason in words, with the next step where there is one.
	Reason string `json:"reason"`
}
