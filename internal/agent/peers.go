package agent

import (
	"errors"
	"net"

	"github.com/holdfast-dev/holdfast/internal/agent/peer"
)

// peers implements restoring.Peers.
type peers struct {
	peer.Client
	port      int
	advertise []string
}

var errNoAddress = errors.New("this machine has no address that others could reach: set peer.advertise in agent.yaml")

// URLs implements restoring.Peers.
func (p *peers) URLs(uid string) ([]string, error) {
	list := p.advertise
	if len(list) == 0 {
		list = addresses()
	}
	if len(list) == 0 {
		return nil, errNoAddress
	}
	return peer.URLs(uid, list, p.port), nil
}

// addresses of this machine's interfaces that others may reach.
func addresses() []string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var v4, v6 []string
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok || !n.IP.IsGlobalUnicast() {
			continue
		}
		if n.IP.To4() != nil {
			v4 = append(v4, n.IP.String())
		} else {
			v6 = append(v6, n.IP.String())
		}
	}
	return append(v4, v6...)
}
