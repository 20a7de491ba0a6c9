// Package secretfile reads small files that hold a secret: keys, passwords, tokens, identities. Each must be its owner's
// alone. Start reading at [Read].
package secretfile

import (
	"fmt"
	"io"
	"os"

	"github.com/holdfast-dev/holdfast/engine/problem"
)

// limit is more than any secret has, in bytes.
const limit = 1 << 20

// Read returns the content. what says in errors what the file is, as "the password file", and setting where its name came
// from, as "--password-file". A file that others than its owner may read is refused.
func Read(what, path, setting string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, problem.File("read "+what, path, setting, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, problem.File("read "+what, path, setting, err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, &problem.Error{
			Kind: problem.Refused, Op: "read " + what, Subject: path,
			Why:  fmt.Sprintf("others than its owner may read it (mode %04o)", info.Mode().Perm()),
			Next: "chmod 600 " + path,
		}
	}
	data, err := io.ReadAll(io.LimitReader(file, limit))
	if err != nil {
		return nil, problem.File("read "+what, path, setting, err)
	}
	return data, nil
}
