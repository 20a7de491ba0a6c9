package k3s

import "context"

// The distribution gives the entries of this ConfigMap to each snapshot that it takes, beside the file and in its record. So
// a snapshot tells its version and its configuration also where nobody knows Holdfast's manifest.
const (
	extraMetadata = "-etcd-snapshot-extra-metadata"

	// metadataPrefix begins the keys of ours.
	metadataPrefix = "holdfast.dev-"
)

// describe fills in the ConfigMap. A snapshot without it is as good: what is wrong is told, and no more.
func (s *saver) describe(ctx context.Context) {
	err := s.node.describe(ctx, s.api, s.name, s.version)
	if err != nil {
		s.Log.Warn("the snapshot will not tell its configuration by itself", "error", err)
	}
}

// describe has keys of each node's own: their configurations differ, and they take snapshots at the same time.
func (n *node) describe(ctx context.Context, api *apiServer, node, version string) error {
	config, err := n.redactedConfig()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*apiTimeout)
	defer cancel()
	return api.keep(ctx, n.flavour.Name+extraMetadata, map[string]string{
		metadataPrefix + "version-" + node: version, metadataPrefix + "config-" + node: string(config),
	})
}
