package manager

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/enroll"
)

// Invite keeps a join token's hash with the manager, and returns the line. server is the address that the machine reaches the
// manager at; empty is what the manager says itself.
func (m *Manager) Invite(ctx context.Context, invitation enroll.Invitation, server string) (enroll.JoinLine, error) {
	var info enroll.Info
	var token enroll.JoinToken
	err := m.With(ctx, "read", "the manager's address", func(ctx context.Context, c client.Client) (err error) {
		info, err = enroll.ReadInfo(ctx, c)
		return err
	})
	if err != nil {
		return enroll.JoinLine{}, err
	}
	if server == "" {
		if len(info.Addresses) == 0 {
			return enroll.JoinLine{}, &problem.Error{
				Kind: problem.Refused, Op: "find", Subject: "the manager's address", Why: "it does not say where machines reach it", Next: "pass --server HOST:PORT",
			}
		}
		server = info.Addresses[0]
	}
	err = m.With(ctx, "create", "a join token in namespace "+invitation.Namespace, func(ctx context.Context, c client.Client) (err error) {
		token, err = enroll.Invite(ctx, c, info, invitation)
		return err
	})
	if err != nil {
		return enroll.JoinLine{}, err
	}
	return info.Line(server, invitation, token), nil
}
