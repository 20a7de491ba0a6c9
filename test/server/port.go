package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Ports are taken below the kernel's range for outgoing connections (32768 and up by default): a port of that range
// may be somebody's local end by the time a stopped server wants it back.
const (
	firstPort = 12000
	lastPort  = 31999
)

// port is a TCP port of 127.0.0.1 that no other user of this package will take before release.
type port struct {
	number int
	lock   *os.File
}

// reservePort finds a free port. The reservation is a lock on a file, which the kernel drops when this process ends.
func reservePort() (*port, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("holdfast-test-ports-%d", os.Getuid()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	for range 500 {
		p, err := tryPort(dir, firstPort+rand.IntN(lastPort-firstPort+1))
		if err != nil {
			return nil, fmt.Errorf("reserve a port: %w", err)
		}
		if p != nil {
			return p, nil
		}
	}
	return nil, errors.New("reserve a port: none of 500 was free")
}

// tryPort returns nil when the port is taken.
func tryPort(dir string, number int) (*port, error) {
	f, err := os.OpenFile(filepath.Join(dir, strconv.Itoa(number)), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, nil
		}
		return nil, err
	}
	l, err := net.Listen("tcp", loopback(number))
	if err != nil {
		f.Close()
		return nil, nil
	}
	if err := l.Close(); err != nil {
		f.Close()
		return nil, err
	}
	return &port{number: number, lock: f}, nil
}

func (p *port) address() string { return loopback(p.number) }

// release gives the port back. It is safe on nil and when repeated.
func (p *port) release() {
	if p != nil {
		p.lock.Close()
	}
}

func loopback(number int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(number)) }

// retryPorts tries again when another program took a reserved port before the server could.
func retryPorts(try func() error) error {
	for range 3 {
		err := try()
		if err == nil || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
	return try()
}
