package control

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"time"
)

const (
	lifetime   = 365 * 24 * time.Hour
	clockSkew  = time.Hour // a certificate is valid a little before it was made
	typeCert   = "CERTIFICATE"
	typeKey    = "EC PRIVATE KEY"
	typePublic = "PUBLIC KEY"
)

// pair is a certificate and its key, as PEM.
type pair struct{ cert, key []byte }

// authority signs certificates.
type authority struct {
	pair
	x509 *x509.Certificate
	sign *ecdsa.PrivateKey
}

func newAuthority(name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-clockSkew),
		NotAfter:              now.Add(lifetime),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make CA: %w", err)
	}
	return readAuthority(der, key)
}

func readAuthority(der []byte, key *ecdsa.PrivateKey) (*authority, error) {
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: typeCert, Bytes: der})
	return &authority{pair: pair{certPEM, keyPEM}, x509: cert, sign: key}, nil
}

// issue makes a certificate. With hosts it is a server's, without it is a client's.
func (a *authority) issue(subject pkix.Name, hosts []string, now time.Time) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, fmt.Errorf("make key for %s: %w", subject.CommonName, err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair{}, fmt.Errorf("make serial for %s: %w", subject.CommonName, err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-clockSkew),
		NotAfter:     now.Add(lifetime),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.x509, key.Public(), a.sign)
	if err != nil {
		return pair{}, fmt.Errorf("sign certificate for %s: %w", subject.CommonName, err)
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{pem.EncodeToMemory(&pem.Block{Type: typeCert, Bytes: der}), keyPEM}, nil
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}

// authorityIn reads the CA in folder, or makes one there. It outlives a restart, as tokens and kubeconfigs of it do.
func authorityIn(files paths, now time.Time) (*authority, error) {
	key, err := keyIn(files.caKey())
	if err != nil {
		return nil, err
	}
	certPEM, err := os.ReadFile(files.caCert())
	if key != nil && err == nil {
		block, _ := pem.Decode(certPEM)
		if block == nil {
			return nil, fmt.Errorf("read CA %s: no certificate in it; remove the folder to start afresh", files.caCert())
		}
		return readAuthority(block.Bytes, key)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read CA: %w", err)
	}
	ca, err := newAuthority("playground", now)
	if err != nil {
		return nil, err
	}
	return ca, errors.Join(write(files.caCert(), ca.cert), write(files.caKey(), ca.key))
}

// tokenKeyIn makes the key that signs service account tokens, unless it is there.
func tokenKeyIn(files paths) error {
	key, err := keyIn(files.tokenKey())
	if err != nil {
		return err
	}
	if key == nil {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return fmt.Errorf("make service account key: %w", err)
		}
		private, err := encodeKey(key)
		if err != nil {
			return err
		}
		if err := write(files.tokenKey(), private); err != nil {
			return err
		}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode service account key: %w", err)
	}
	return write(files.tokenPublic(), pem.EncodeToMemory(&pem.Block{Type: typePublic, Bytes: public}))
}

// keyIn reads a private key; nil means there is no such file.
func keyIn(path string) (*ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("read key %s: no key in it; remove the folder to start afresh", path)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w", path, err)
	}
	return key, nil
}

func write(path string, content []byte) error {
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}
