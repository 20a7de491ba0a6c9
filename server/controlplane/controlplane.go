package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/holdfast-dev/holdfast/server/datadir"
)

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Loopback reaches the API server with all rights. It must not leave this process.
	Loopback *rest.Config
	// Handler is the API server itself, for requests that have come another way. It asks each for its credential.
	Handler http.Handler

	etcd    *etcd
	cancel  context.CancelCauseFunc
	stopped chan struct{}
	err     error
}

// Start starts etcd, the API server and the controllers, and returns when the API server is ready. It ends when ctx
// does, or at Stop.
func Start(ctx context.Context, cfg Config) (*ControlPlane, error) {
	if err := datadir.Check(cfg.Dir); err != nil {
		return nil, err
	}
	if err := makeKeys(cfg); err != nil {
		return nil, err
	}
	starting, cancelStart := context.WithTimeout(ctx, cfg.startTimeout())
	defer cancelStart()
	etcd, err := startEtcd(starting, cfg)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &ControlPlane{etcd: etcd, cancel: cancel, stopped: make(chan struct{})}
	if err := p.start(starting, running, cfg); err != nil {
		cancel(err)
		etcd.Close()
		return nil, fmt.Errorf("start the embedded API server: %w", err)
	}
	context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return p, nil
}

func (p *ControlPlane) start(starting, running context.Context, cfg Config) error {
	server, err := newAPIServer(running, cfg)
	if err != nil {
		return err
	}
	p.Loopback = rest.CopyConfig(server.chain.GenericAPIServer.LoopbackClientConfig)
	// Fairness between callers is the API server's own: a limit here would only slow the controllers of large fleets.
	p.Loopback.QPS = -1
	// The API server's own choice is protobuf, which custom resources have not.
	p.Loopback.ContentType, p.Loopback.AcceptContentTypes = "", ""
	p.Handler = server.chain.GenericAPIServer.Handler
	prepared, err := server.chain.PrepareRun()
	if err != nil {
		return err
	}
	go func() {
		defer close(p.stopped)
		p.err = prepared.Run(running)
	}()
	if err := p.waitReady(starting); err != nil {
		return err
	}
	return runControllers(running, p.Loopback)
}

func (p *ControlPlane) waitReady(ctx context.Context) error {
	client, err := kubernetes.NewForConfig(p.Loopback)
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
		select {
		case <-p.stopped:
			return false, fmt.Errorf("it ended by itself: %w", p.err)
		default:
		}
		status := 0
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&status).Error()
		return last == nil && status == http.StatusOK, nil
	})
	if ctx.Err() != nil {
		return fmt.Errorf("it is not ready: %w", errors.Join(last, context.Cause(ctx)))
	}
	return err
}

// Done is closed when the API server has ended, for whatever reason.
func (p *ControlPlane) Done() <-chan struct{} { return p.stopped }

// Stop ends the API server, then etcd, and returns why the API server ended if that was not on purpose.
func (p *ControlPlane) Stop() error {
	p.cancel(nil)
	<-p.stopped
	p.etcd.Close()
	return p.err
}
