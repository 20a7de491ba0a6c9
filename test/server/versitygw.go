package server

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// VersityGW is a versitygw server over a directory: a second, independent implementation of S3. It has no users but
// root. Object attributes are kept as extended attributes, so Dir's file system must have these.
type VersityGW struct {
	*S3
}

// StartVersityGW starts a versitygw server and returns when it answers signed requests.
func StartVersityGW(ctx context.Context, cfg S3Config) (*VersityGW, error) {
	var v *VersityGW
	err := retryPorts(func() error {
		s, err := newS3(cfg, Credentials{AccessKey: "root-" + rand.Text()[:8], SecretKey: rand.Text()})
		if err != nil {
			return err
		}
		v = &VersityGW{S3: s}
		if s.command, err = v.serve(); err != nil {
			return errors.Join(err, s.Stop())
		}
		if err := s.Start(ctx); err != nil {
			return errors.Join(err, s.Stop())
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

func (v *VersityGW) serve() (command, error) {
	versions := filepath.Join(v.Dir, "versions")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return command{}, err
	}
	args := []string{"--port=" + v.Address, "--region=" + Region, "--health=/health"}
	if !v.cfg.Plain {
		args = append(args, "--cert="+v.files.Cert, "--key="+v.files.Key)
	}
	args = append(args, v.cfg.ExtraArgs...)
	return command{
		tool: "versitygw",
		args: append(args, "posix", "--versioning-dir="+versions, v.DataDir),
		env: append([]string{
			"ROOT_ACCESS_KEY=" + v.Root.AccessKey,
			"ROOT_SECRET_KEY=" + v.Root.SecretKey,
		}, v.cfg.ExtraEnv...),
		log: filepath.Join(v.Dir, "versitygw.log"),
	}, nil
}
