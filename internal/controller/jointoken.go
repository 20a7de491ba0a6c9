package controller

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/holdfast-dev/holdfast/internal/enroll"
)

const (
	joinTokenPeriod = 10 * time.Minute
	// joinTokenKept is how long an expired token stays, so that whoever comes late is told that it has expired.
	joinTokenKept = time.Hour
	joinTokenPage = 500
)

// addJoinTokens removes join tokens that nobody can use any more. Enrolment itself looks at the time: this only tidies.
func (k *kit) addJoinTokens(mgr manager.Manager) error {
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		tick := time.NewTicker(joinTokenPeriod)
		defer tick.Stop()
		for {
			if err := k.removeJoinTokens(ctx); err != nil && ctx.Err() == nil {
				k.Log.Warn("expired join tokens could not be removed", "error", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return nil
			}
		}
	}))
}

func (k *kit) removeJoinTokens(ctx context.Context) error {
	next := ""
	for {
		var page corev1.SecretList
		err := k.live.List(ctx, &page, client.MatchingFields{"type": enroll.JoinTokenType}, client.Limit(joinTokenPage), client.Continue(next))
		if err != nil {
			return err
		}
		for i := range page.Items {
			s := &page.Items[i]
			expires, err := time.Parse(time.RFC3339, string(s.Data["expires"]))
			if err != nil || k.Now().Sub(expires) < joinTokenKept {
				continue
			}
			uid := s.UID
			if err := k.Delete(ctx, s, client.Preconditions(metav1.Preconditions{UID: &uid})); client.IgnoreNotFound(err) != nil {
				return err
			}
		}
		if next = page.Continue; next == "" {
			return nil
		}
	}
}
