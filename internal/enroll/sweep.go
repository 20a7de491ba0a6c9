package enroll

import (
	"context"
	"errors"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// keepTokens is how long an ended join token still says that it has ended, rather than that it is not known.
const keepTokens = 24 * time.Hour

// Sweep deletes what is kept of join tokens that ended a day ago.
func (s *Server) Sweep(ctx context.Context) error {
	var all corev1.SecretList
	typed := client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("type", JoinTokenType)}
	if err := s.client.List(ctx, &all, typed); err != nil {
		return err
	}
	var failed []error
	for i := range all.Items {
		end, err := time.Parse(time.RFC3339, string(all.Items[i].Data[tokenExpires]))
		if err == nil && s.now().Before(end.Add(keepTokens)) {
			continue
		}
		failed = append(failed, client.IgnoreNotFound(s.client.Delete(ctx, &all.Items[i])))
	}
	return errors.Join(failed...)
}
