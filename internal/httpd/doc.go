// Package httpd is what the manager's one HTTPS port answers: the web page and its sessions, the Kubernetes API under a
// path, enrolment, the install script and the agents' program, metrics and health.
//
// It holds no state and no rights of its own. What it passes on to the API goes with the caller's credential, so the
// API decides; the handlers of enrolment come from elsewhere. The package must not know the embedded control plane: it
// gets an address and serves. Start reading at [New].
package httpd
