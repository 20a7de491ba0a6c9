package controlplane

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"

	"github.com/holdfast-dev/holdfast/server/datadir"
)

// quota of the embedded etcd in bytes. A fleet of a thousand clusters needs about 200 MiB.
const quota = 4 << 30

// etcd is the running member.
type etcd struct {
	*embed.Etcd
	log etcdLog
}

// Close ends the member and waits until it has.
func (e *etcd) Close() {
	e.log.closing.Store(true)
	e.Etcd.Close()
}

// startEtcd starts a single member on unix sockets: no port, and no user but ours can reach it.
func startEtcd(ctx context.Context, cfg Config) (*etcd, error) {
	log := newEtcdLog(cfg.Logger)
	c := embed.NewConfig()
	c.Name = "holdfast"
	c.Dir = cfg.etcdDir()
	c.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.New(log))
	c.QuotaBackendBytes = quota
	c.AutoCompactionMode, c.AutoCompactionRetention = embed.CompactorModePeriodic, "30m"
	// A watch on which nothing happens must know of what has happened elsewhere, or the controllers list everything anew
	// when they open the next one.
	c.WatchProgressNotifyInterval = time.Minute
	client := url.URL{Scheme: "unix", Path: datadir.Socket(cfg.Dir)}
	peer := url.URL{Scheme: "unix", Path: datadir.PeerSocket(cfg.Dir)}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	c.AdvertisePeerUrls = []url.URL{peer}
	// etcd takes a peer's socket from the host of its URL. Without one it would listen on a socket that lies nowhere, and
	// that every user of this host can reach.
	c.ListenPeerUrls = []url.URL{{Scheme: peer.Scheme, Host: peer.Path}}
	c.InitialCluster = c.InitialClusterFromName(c.Name)
	started, err := embed.StartEtcd(c)
	if err != nil {
		return nil, fmt.Errorf("start the embedded etcd in %s: %w", c.Dir, err)
	}
	e := &etcd{started, log}
	select {
	case <-e.Server.ReadyNotify():
		return e, nil
	case err = <-e.Err():
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	e.Close()
	return nil, fmt.Errorf("start the embedded etcd in %s: %w", c.Dir, err)
}
