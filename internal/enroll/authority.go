package enroll

import (
	"context"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Keys of the Secret CASecret.
const (
	caCertificateKey = "ca.crt"
	caPrivateKey     = "ca.key"
	servingKey       = "serving.key"
)

// How long certificates are valid.
const (
	// caLife: every agent and every kubeconfig knows this CA, so it outlives them all.
	caLife = 30 * 365 * 24 * time.Hour
	// identityLife of an agent's certificate.
	identityLife = 365 * 24 * time.Hour
	// renewalGrace is how long after its end a certificate still renews itself.
	renewalGrace = 90 * 24 * time.Hour
	// backdate lets a certificate be used at once by whoever has a clock that is behind.
	backdate = time.Hour
)

// Authority is the manager's CA, with the key that the manager serves with. That key never changes, so that a pin in a
// join line stays true.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serving     *ecdsa.PrivateKey
	now         func() time.Time
}

// LoadAuthority reads the CA, or makes it if there is none. Of several replicas that do so at once, all get the same.
// c must read without a cache.
func LoadAuthority(ctx context.Context, c client.Client, now func() time.Time) (*Authority, error) {
	name := client.ObjectKey{Namespace: SystemNamespace, Name: CASecret}
	var secret corev1.Secret
	err := c.Get(ctx, name, &secret)
	if apierrors.IsNotFound(err) {
		if err := createAuthority(ctx, c, now()); err != nil && !apierrors.IsAlreadyExists(err) {
			return nil, fmt.Errorf("make the CA: %w", err)
		}
		err = c.Get(ctx, name, &secret)
	}
	if err != nil {
		return nil, fmt.Errorf("read the CA from secret %s: %w", name, err)
	}
	a, err := parseAuthority(secret.Data)
	if err != nil {
		return nil, fmt.Errorf("secret %s: %w", name, err)
	}
	a.now = now
	return a, nil
}

func createAuthority(ctx context.Context, c client.Client, now time.Time) error {
	key, err := newKey()
	if err != nil {
		return err
	}
	serving, err := newKey()
	if err != nil {
		return err
	}
	template, err := newTemplate(pkix.Name{CommonName: "Holdfast CA"}, now, caLife)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	data := map[string][]byte{caCertificateKey: encodeCertificate(der)}
	if data[caPrivateKey], err = encodeKey(key); err != nil {
		return err
	}
	if data[servingKey], err = encodeKey(serving); err != nil {
		return err
	}
	return c.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: SystemNamespace, Name: CASecret}, Data: data})
}

func parseAuthority(data map[string][]byte) (*Authority, error) {
	a := &Authority{}
	var err error
	if a.certificate, err = decodeCertificate(data[caCertificateKey]); err != nil {
		return nil, fmt.Errorf("%s: %w", caCertificateKey, err)
	}
	if a.key, err = decodeKey(data[caPrivateKey]); err != nil {
		return nil, fmt.Errorf("%s: %w", caPrivateKey, err)
	}
	if a.serving, err = decodeKey(data[servingKey]); err != nil {
		return nil, fmt.Errorf("%s: %w", servingKey, err)
	}
	if !a.key.PublicKey.Equal(a.certificate.PublicKey) {
		return nil, fmt.Errorf("%s does not belong to %s", caPrivateKey, caCertificateKey)
	}
	return a, nil
}

// newTemplate of a certificate with a random serial number.
func newTemplate(subject pkix.Name, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{SerialNumber: serial, Subject: subject, NotBefore: now.Add(-backdate), NotAfter: now.Add(life)}, nil
}

// CA certificate in PEM.
func (a *Authority) CA() []byte { return encodeCertificate(a.certificate.Raw) }

// Hash of the CA certificate, as join tokens hold it.
func (a *Authority) Hash() string { return certificateHash(a.certificate) }

// Pin of the serving key, as curl's --pinnedpubkey takes it.
func (a *Authority) Pin() (string, error) {
	pin, err := keyPin(a.serving.Public())
	return "sha256//" + pin, err
}

// Derive returns a secret of 32 bytes for a purpose. All replicas get the same, and so does whoever is restored from this
// manager's backup.
func (a *Authority) Derive(purpose string) ([]byte, error) {
	key, err := a.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("the CA's key: %w", err)
	}
	return hkdf.Key(sha256.New, key, nil, purpose, sha256.Size)
}

// Pool of the CA alone.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return pool
}
