package server

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"time"

	"github.com/holdfast-dev/holdfast/test/distro/balance"
)

// refreshEvery is how often a server with one role looks where the others are.
const refreshEvery = 5 * time.Second

func (s *Server) balancerFile(name string) string {
	return filepath.Join(s.cfg.DataDir, "agent", "etc", s.cfg.Flavor.Name+"-"+name+"-load-balancer.json")
}

// balanceEtcd leads to the etcd of other servers, for a control plane without one.
func (s *Server) balanceEtcd(ctx context.Context) error {
	b := &balance.Balancer{File: s.balancerFile("etcd-server")}
	urls, err := s.memberURLs(ctx)
	servers := hosts(urls)
	if err != nil {
		if servers = b.Load(); len(servers) == 0 {
			return err
		}
	}
	if err := b.Set(servers); err != nil {
		return err
	}
	if err := b.Listen(ctx, "127.0.0.1:2379"); err != nil {
		return err
	}
	if err := s.awaitEtcd(ctx); err != nil {
		return err
	}
	go s.every(ctx, refreshEvery, "etcd servers", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, refreshEvery)
		defer cancel()
		list, err := s.etcd.MemberList(ctx)
		if err != nil {
			return err
		}
		var urls []string
		for _, m := range list.Members {
			if !m.IsLearner {
				urls = append(urls, m.ClientURLs...)
			}
		}
		return b.Set(hosts(urls))
	})
	return nil
}

// balanceAPI leads to the API servers of others, for an etcd server without one. They may all come later.
func (s *Server) balanceAPI(ctx context.Context) error {
	b := &balance.Balancer{File: s.balancerFile("api-server")}
	if err := b.Set(b.Load()); err != nil {
		return err
	}
	if err := b.Listen(ctx, fmt.Sprintf("127.0.0.1:%d", s.apiPort())); err != nil {
		return err
	}
	go s.every(ctx, pollEvery*5, "API servers", func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, refreshEvery)
		defer cancel()
		addresses, err := s.addresses(ctx)
		if err != nil {
			return err
		}
		return b.Set(addresses)
	})
	return nil
}

func hosts(urls []string) []string {
	var all []string
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil {
			all = append(all, u.Host)
		}
	}
	return all
}
