package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/engine/problem"
	"github.com/holdfast-dev/holdfast/internal/cli/console"
	"github.com/holdfast-dev/holdfast/internal/cli/manager"
	"github.com/holdfast-dev/holdfast/internal/cli/settings"
)

// wanted is what the flags of holdfast cluster create say.
type wanted struct {
	distro, version, cron, verify string
	retention                     int32
	recipients                    []string
	target, credentials           string
	s3                            v1alpha1.S3
	caFile                        string
}

func newCreate(c *console.Console, flags *manager.Flags) *cobra.Command {
	var w wanted
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Register a cluster with the manager",
		Long: `Register a cluster with the manager. Nothing happens to the cluster: its machines join with holdfast machine join.

The cluster gets a namespace of its own, called like it unless -n names another. What has no flag here can be given with
holdfast apply, or changed with holdfast cluster edit.`,
		Args: cobra.ExactArgs(1),
	}
	flags.Add(cmd)
	w.add(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if w.distro == "" {
			return console.Usagef("say what runs etcd: --distro k3s, rke2, rke or etcd")
		}
		m, err := flags.Connect()
		if err != nil {
			return err
		}
		cluster, secret, err := w.objects(args[0], m.Namespace)
		if err != nil {
			return err
		}
		if err := create(cmd.Context(), m, cluster, secret); err != nil {
			return err
		}
		return c.Print(m.One(cluster, func(w io.Writer) {
			fmt.Fprintf(w, "Cluster %s is registered, in namespace %s.\n", cluster.Name, cluster.Namespace)
			fmt.Fprintf(w, "Add its machines: holdfast machine join %s --role etcd\n", cluster.Name)
		}))
	}
	return cmd
}

func (w *wanted) add(cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&w.distro, "distro", "", "what runs etcd: k3s, rke2, rke or etcd")
	fs.StringVar(&w.version, "kubernetes-version", "", "version that it runs, as v1.34.2+k3s1")
	fs.StringVar(&w.cron, "cron", "", "when to take snapshots, as \"0 */5 * * *\" or @hourly (default: by distro)")
	fs.Int32Var(&w.retention, "retention", 0, "recurring snapshots that each machine keeps (default by distro: 5 or 6)")
	fs.StringVar(&w.verify, "verify", "", "how each snapshot is tested: checksum, content or restore (default restore)")
	fs.StringSliceVar(&w.recipients, "escrow-recipient", nil, "age public keys for what a restore needs besides etcd's data")
	fs.StringVar(&w.target, "target", "", "where snapshots are copied to: s3://bucket/folder (default: they stay on the machines)")
	fs.StringVar(&w.s3.Endpoint, "s3-endpoint", "s3.amazonaws.com", "S3 endpoint, host[:port] without a scheme")
	fs.StringVar(&w.s3.Region, "s3-region", "", "S3 region")
	fs.StringVar(&w.caFile, "s3-ca-file", "", "PEM file with the CA that signed the S3 server's certificate")
	fs.StringVar(&w.credentials, "s3-credentials-file", "",
		"file (mode 0600) with AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…; without it: what each machine has")
	fs.StringVar(&w.s3.BucketLookup, "s3-bucket-lookup", "", "how the bucket is named in requests: auto, dns or path (default auto)")
	fs.BoolVar(&w.s3.Insecure, "s3-insecure", false, "speak plain http to the S3 server")
	fs.BoolVar(&w.s3.SkipSSLVerify, "s3-skip-tls-verify", false, "accept any S3 server certificate")
	for flag, values := range map[string][]string{
		"distro": {"k3s", "rke2", "rke", "etcd"}, "verify": {"checksum", "content", "restore"}, "s3-bucket-lookup": {"auto", "dns", "path"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// objects are the Cluster, and the Secret with the keys of its target if there are any.
func (w *wanted) objects(name, namespace string) (*v1alpha1.Cluster, *core.Secret, error) {
	if namespace == "" {
		namespace = name
	}
	cluster := &v1alpha1.Cluster{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace},
		Spec: v1alpha1.ClusterSpec{
			Distro: v1alpha1.Distro(w.distro), KubernetesVersion: w.version, EscrowRecipients: w.recipients,
			Etcd: v1alpha1.ClusterEtcd{SnapshotScheduleCron: w.cron, Verify: v1alpha1.VerifyLevel(w.verify)},
		},
	}
	if w.retention != 0 {
		cluster.Spec.Etcd.SnapshotRetention = &w.retention
	}
	if w.target == "" {
		if w.credentials != "" || w.caFile != "" {
			return nil, nil, console.Usagef("the --s3-… flags go with --target s3://bucket/folder")
		}
		return cluster, nil, nil
	}
	s3, err := w.targetOf()
	if err != nil {
		return nil, nil, err
	}
	cluster.Spec.Etcd.S3 = s3
	if w.credentials == "" {
		return cluster, nil, nil
	}
	secret, err := w.secret(cluster)
	return cluster, secret, err
}

func (w *wanted) targetOf() (*v1alpha1.S3, error) {
	u, err := url.Parse(w.target)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, console.Usagef("--target %s: write s3://bucket/folder", w.target)
	}
	s3 := w.s3
	s3.Bucket, s3.Folder = u.Host, strings.Trim(u.Path, "/")
	if w.caFile != "" {
		pem, err := os.ReadFile(w.caFile)
		if err != nil {
			return nil, problem.File("read the CA of the S3 server", w.caFile, "--s3-ca-file", err)
		}
		s3.EndpointCA = string(pem)
	}
	return &s3, nil
}

// credentialSecret is the name of the Secret that --s3-credentials-file becomes.
const credentialSecret = "s3-credentials"

func (w *wanted) secret(cluster *v1alpha1.Cluster) (*core.Secret, error) {
	keys, err := settings.ReadKeys(w.credentials)
	if err != nil {
		return nil, err
	}
	cluster.Spec.Etcd.S3.CredentialSecretName = credentialSecret
	secret := &core.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: credentialSecret, Namespace: cluster.Namespace},
		StringData: map[string]string{"accessKey": keys.Access, "secretKey": keys.Secret},
	}
	if keys.Session != "" {
		secret.StringData["sessionToken"] = keys.Session
	}
	return secret, nil
}

// create makes namespace, cluster and Secret. What can't be made whole is not left half-made.
func create(ctx context.Context, m *manager.Manager, cluster *v1alpha1.Cluster, secret *core.Secret) (err error) {
	space := &core.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cluster.Namespace}}
	made, err := m.EnsureNamespace(ctx, space)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && made {
			err = errors.Join(err, m.Delete(context.WithoutCancel(ctx), space))
		}
	}()
	if err := m.Create(ctx, cluster); err != nil {
		return err
	}
	if secret == nil {
		return nil
	}
	// The keys go with the cluster that they are for.
	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(cluster, v1alpha1.GroupVersion().WithKind("Cluster"))}
	if err := m.Create(ctx, secret); err != nil {
		return errors.Join(err, m.Delete(context.WithoutCancel(ctx), cluster))
	}
	return nil
}
