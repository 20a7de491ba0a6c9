// Package session lets a browser speak for a token of the Kubernetes API that no script can read. A person gives the token
// once; a cookie carries it from then on, sealed, and only to this host, only over TLS, only with requests of the manager's
// own page. The manager keeps nothing: sessions outlive its restarts, and every replica knows them.
//
// A session has no rights of its own, and lends none of the manager's: what its token may do is the API's to say, each time.
//
// Start reading at Sessions.
package session
