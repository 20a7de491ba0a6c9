package etcd

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// gRPC reports a connection that can't be made as a string of several layers, and a login that waits for one as a
// timeout. So after a failure the connection is made once more by hand, step by step, where each step has errors with
// types: name, TCP, TLS, the first bytes of HTTP/2. Nothing is sent beyond HTTP/2's opening.

// probe returns nil when it finds nothing wrong.
func (c *conn) probe(ctx context.Context) *problem.Error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.DialTimeout)
	defer cancel()
	raw, err := c.dialRaw(ctx)
	if err != nil {
		return c.dialProblem(err)
	}
	defer raw.Close()
	if c.tls == nil {
		return c.plainProblem(openHTTP2(raw))
	}
	cfg := c.handshakeConfig("h2")
	asked := false // for a client certificate
	own := cfg.GetClientCertificate
	cfg.GetClientCertificate = func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		if own == nil {
			return new(tls.Certificate), nil
		}
		return own(i)
	}
	secured := tls.Client(raw, cfg)
	if err := secured.HandshakeContext(ctx); err != nil {
		return c.tlsProblem(err, asked)
	}
	// With TLS 1.3 the server judges the client's certificate after the handshake has ended for the client.
	head, err := openHTTP2(secured)
	if isHTTP1(head) {
		return c.notEtcd(nil)
	}
	return c.tlsProblem(err, asked)
}

// dialRaw connects without TLS. The connection has ctx's deadline.
func (c *conn) dialRaw(ctx context.Context) (net.Conn, error) {
	raw, err := new(net.Dialer).DialContext(ctx, c.network, c.address)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = raw.SetDeadline(deadline)
	}
	return raw, err
}

// handshakeConfig is what gRPC makes of the TLS configuration, for a connection by hand.
func (c *conn) handshakeConfig(protocol string) *tls.Config {
	t := c.tls.Clone()
	t.NextProtos = []string{protocol}
	if t.ServerName == "" {
		t.ServerName = c.host
	}
	return t
}

// openHTTP2 sends the client's opening and returns what the server answers first: the header of its SETTINGS frame.
func openHTTP2(conn net.Conn) ([]byte, error) {
	const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	emptySettings := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0}
	if _, err := conn.Write(append([]byte(preface), emptySettings...)); err != nil {
		return nil, err
	}
	head := make([]byte, len(emptySettings))
	n, err := io.ReadFull(conn, head)
	return head[:n], err
}

// dialProblem explains why there is no connection.
func (c *conn) dialProblem(err error) *problem.Error {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return c.unreachable(fmt.Sprintf("there is no host named %s", c.host), "check the name in --endpoints", err)
	case errors.As(err, &dns):
		return c.unreachable(fmt.Sprintf("the name %s could not be looked up", c.host), "check this machine's DNS", err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return c.unreachable("connection refused: nothing listens there",
			"check that etcd runs, and that the endpoint has its client port (2379 unless changed, not 2380)", err)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return c.unreachable("there is no route to that address", "check the address and the network", err)
	case isTimeout(err), isNetTimeout(err):
		return c.unreachable(fmt.Sprintf("no answer within %v", c.cfg.DialTimeout),
			"check the address and that no firewall drops the packets; --dial-timeout allows more time", err)
	}
	return c.unreachable("", "", err)
}

// plainProblem judges the first bytes that a server answered to plain text HTTP/2.
func (c *conn) plainProblem(head []byte, err error) *problem.Error {
	switch {
	case isSettings(head):
		return nil
	case len(head) > 1 && head[0] == 0x15 && head[1] == 0x03: // a TLS alert
		return c.wantsTLS(nil)
	case isHTTP1(head):
		return c.notEtcd(nil)
	case isNetTimeout(err):
		return c.silent(err)
	case len(head) == 0 && c.speaksTLS():
		return c.wantsTLS(err)
	}
	return c.unreachable("the server ends the connection at once", "check that this is the client port of an etcd", err)
}

func (c *conn) wantsTLS(err error) *problem.Error {
	return c.unreachable("plain http was used but the server speaks TLS",
		"write https:// in --endpoints and name the CA with --cacert", err)
}

func (c *conn) notEtcd(err error) *problem.Error {
	if e := c.peerProblem(err); e != nil {
		return e
	}
	return c.unreachable("a server answers there, but not with etcd's API",
		"use etcd's client port (2379 unless changed), not its peer or metrics port", err)
}

func (c *conn) silent(err error) *problem.Error {
	if e := c.peerProblem(err); e != nil {
		return e
	}
	return c.unreachable(fmt.Sprintf("it accepts connections but says nothing within %v", c.cfg.DialTimeout),
		"the server hangs or is overloaded: look at its log", err)
}

// speaksTLS tries a handshake where plain text was not understood. Whose certificate it is does not matter here.
func (c *conn) speaksTLS() bool {
	dialer := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: time.Second},
		Config:    &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12},
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := dialer.DialContext(ctx, c.network, c.address)
	if err == nil {
		conn.Close()
	}
	return err == nil || isAlert(err)
}

// speaksPlain is the same the other way round.
func (c *conn) speaksPlain() bool {
	conn, err := net.DialTimeout(c.network, c.address, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Second))
	head, _ := openHTTP2(conn)
	return isSettings(head) || isHTTP1(head)
}

// isAlert says whether the server ended the connection in TLS's own words. crypto/tls has no public type for that.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error"
}

func isSettings(head []byte) bool { return len(head) > 3 && head[3] == 4 }
func isHTTP1(head []byte) bool    { return strings.HasPrefix(string(head), "HTTP/1") }

// tlsProblem explains why TLS failed, on our side or on the server's. asked: the server wanted to see a client
// certificate.
func (c *conn) tlsProblem(err error, asked bool) *problem.Error {
	if err == nil {
		return nil
	}
	if e := c.certificateProblem(err); e != nil {
		return e
	}
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		return c.wantsPlain(err)
	case isAlert(err) && strings.Contains(err.Error(), "no application protocol"):
		return c.notEtcd(err)
	case isAlert(err) && asked:
		return c.alertProblem(err)
	case isTimeout(err), isNetTimeout(err):
		return c.silent(err)
	case c.speaksPlain():
		return c.wantsPlain(err)
	}
	return c.unreachable("", "look at the server's log for the reason", fmt.Errorf("TLS handshake: %w", err))
}

func (c *conn) wantsPlain(err error) *problem.Error {
	return c.unreachable("TLS was expected but the server speaks plain http",
		"write http:// in --endpoints, or turn TLS on in etcd", err)
}

// certificateProblem is about the server's certificate, as this side sees it.
func (c *conn) certificateProblem(err error) *problem.Error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &unknown):
		next := "name the CA that signed it with --cacert"
		if c.cfg.CACert != "" {
			next = fmt.Sprintf("%s holds other CAs: name the one that signed it with --cacert", c.cfg.CACert)
		}
		return c.unreachable("its certificate is signed by a CA that is not trusted here"+issuer(unknown.Cert), next, err)
	case errors.As(err, &name):
		return c.unreachable(fmt.Sprintf("its certificate is for %s, not for %s", namesOf(name.Certificate), name.Host),
			"use one of these names in --endpoints, or renew the certificate with this one", err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return c.validityProblem(invalid, err)
	}
	return nil
}

func (c *conn) validityProblem(invalid x509.CertificateInvalidError, err error) *problem.Error {
	cert := invalid.Cert
	if time.Now().Before(cert.NotBefore) {
		return c.unreachable("its certificate is not valid before "+day(cert.NotBefore),
			"check the clocks of both machines", err)
	}
	return c.unreachable("its certificate expired on "+day(cert.NotAfter),
		"renew etcd's certificate; if it is new, check this machine's clock", err)
}

// alertProblem is about the client's certificate, as the server sees it: it says so in a TLS alert.
func (c *conn) alertProblem(err error) *problem.Error {
	why := "the server does not accept the client certificate " + c.cfg.Cert
	next := "it must be signed by the CA in the server's --trusted-ca-file, be valid today and allow client authentication"
	if c.cfg.Cert == "" {
		why, next = "the server wants a client certificate and none was given", "name one with --cert and --key"
	} else if end, ok := expired(c.cfg.Cert, c.cfg.Key); ok {
		why, next = fmt.Sprintf("the client certificate %s expired on %s", c.cfg.Cert, day(end)), "renew it"
	}
	e := c.unreachable(why, next, err)
	e.Kind = problem.Denied
	return e
}

func expired(certFile, keyFile string) (time.Time, bool) {
	pair, err := loadKeyPair(certFile, keyFile)
	if err != nil || pair.Leaf == nil {
		return time.Time{}, false
	}
	return pair.Leaf.NotAfter, time.Now().After(pair.Leaf.NotAfter)
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func issuer(cert *x509.Certificate) string {
	if cert == nil || cert.Issuer.CommonName == "" {
		return ""
	}
	return fmt.Sprintf(" (issuer %q)", cert.Issuer.CommonName)
}

func namesOf(cert *x509.Certificate) string {
	names := append([]string(nil), cert.DNSNames...)
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no name at all"
	}
	return strings.Join(names, ", ")
}

func isNetTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}
