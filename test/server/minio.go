package server

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
)

// MinIO is a MinIO server with one drive. It knows users and policies, temporary credentials, versioning, object lock.
type MinIO struct {
	*S3
}

// StartMinIO starts a MinIO server and returns when it answers signed requests.
func StartMinIO(ctx context.Context, cfg S3Config) (*MinIO, error) {
	var m *MinIO
	err := retryPorts(func() error {
		s, err := newS3(cfg, Credentials{AccessKey: "root-" + rand.Text()[:8], SecretKey: rand.Text()})
		if err != nil {
			return err
		}
		m = &MinIO{S3: s}
		s.command = m.serve()
		if err := s.Start(ctx); err != nil {
			return errors.Join(err, s.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (m *MinIO) serve() command {
	args := []string{"server", "--quiet", "--address=" + m.Address}
	if !m.cfg.Plain {
		args = append(args, "--certs-dir="+filepath.Dir(m.files.Cert))
	}
	return command{
		tool: "minio",
		args: append(append(args, m.cfg.ExtraArgs...), m.DataDir),
		env: append([]string{
			"MINIO_ROOT_USER=" + m.Root.AccessKey,
			"MINIO_ROOT_PASSWORD=" + m.Root.SecretKey,
			"MINIO_BROWSER=off",
			"MINIO_UPDATE=off",
			"MINIO_CI_CD=1", // a data directory on the machine's root file system is fine here
		}, m.cfg.ExtraEnv...),
		log: filepath.Join(m.Dir, "minio.log"),
	}
}
