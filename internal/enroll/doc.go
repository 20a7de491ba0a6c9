// Package enroll is how a machine becomes known to the manager, and stays so: join tokens, identities, and what both
// sides say to each other over HTTPS. The manager's side is [Server], the agent's [Client].
//
// A join token proves that an administrator wants the machine. It names the manager's CA by its hash, is bound to one
// cluster and its roles, works once and for a short time. With it an agent gets a certificate for a key that never
// leaves the machine; the certificate gets it short-lived ServiceAccount tokens for the API, and lets agents know each
// other. A certificate is valid for a year and can be renewed up to 90 days after that, so that neither a week without
// the manager nor a machine that was off for long needs anybody's hand.
package enroll
