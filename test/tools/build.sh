#!/usr/bin/env bash
# Builds the pinned servers and stock clients that the tests run against, each from its own module so that
# their dependencies cannot meet, into .cache/tools at the top of the repository. A program is rebuilt only when
# its module's pins or the Go toolchain change.
#
#   build.sh            all of them
#   build.sh etcd37     only that module's programs
set -euo pipefail
cd "$(dirname "$0")"
out=$(cd ../.. && pwd)/.cache/tools
mkdir -p "$out"

# module  program  package
programs='
etcd37     etcd-3.7           go.etcd.io/etcd/server/v3
etcd37     etcdctl-3.7        go.etcd.io/etcd/etcdctl/v3
etcd37     etcdutl-3.7        go.etcd.io/etcd/etcdutl/v3
etcd36     etcd-3.6           go.etcd.io/etcd/server/v3
etcd36     etcdctl-3.6        go.etcd.io/etcd/etcdctl/v3
etcd36     etcdutl-3.6        go.etcd.io/etcd/etcdutl/v3
etcd35     etcd-3.5           go.etcd.io/etcd/server/v3
etcd35     etcdctl-3.5        go.etcd.io/etcd/etcdctl/v3
etcd35     etcdutl-3.5        go.etcd.io/etcd/etcdutl/v3
minio      minio              github.com/minio/minio
mc         mc                 github.com/minio/mc
versitygw  versitygw          github.com/versity/versitygw/cmd/versitygw
imds       ec2-metadata-mock  github.com/aws/amazon-ec2-metadata-mock/cmd/ec2-metadata-mock
toxiproxy  toxiproxy-server   github.com/Shopify/toxiproxy/v2/cmd/server
'

while read -r module program package; do
  [ -n "$module" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $module "* ]] || continue
  stamp="$(go env GOVERSION) $(sha256sum <"$module/go.mod" | cut -c1-16) $(sha256sum <"$module/go.sum" | cut -c1-16)"
  if [ -x "$out/$program" ] && [ "$(cat "$out/$program.stamp" 2>/dev/null)" = "$stamp" ]; then
    continue
  fi
  started=$SECONDS
  (cd "$module" && CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags='-s -w' -o "$out/$program.new" "$package")
  mv "$out/$program.new" "$out/$program"
  printf '%s\n' "$stamp" >"$out/$program.stamp"
  echo "built $program in $((SECONDS - started)) s"
done <<<"$programs"
