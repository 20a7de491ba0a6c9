#!/usr/bin/env bash
# Builds the pinned servers and stock clients that the tests run against, each from its own module so that
# their dependencies cannot meet, into .cache/tools at the top of the repository. A program is rebuilt only when
# its module's pins or the Go toolchain change. Several runs at once are fine: one builds, the others wait.
#
# The modules are not tidied on purpose: go mod tidy would add the sums of what their dependencies' tests need.
# "go get -tool PACKAGE@VERSION" in a module's directory moves a pin.
#
#   build.sh                    all of them
#   build.sh etcd37 minio       only these modules' programs
#   build.sh etcdutl-3.5 mc     only these programs
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
kubectl    kubectl            .
kube-apiserver/v1.36  kube-apiserver-1.36  k8s.io/kubernetes/cmd/kube-apiserver
kube-apiserver/v1.37  kube-apiserver-1.37  k8s.io/kubernetes/cmd/kube-apiserver
promtool   promtool           github.com/prometheus/prometheus/cmd/promtool
'

names=$(awk 'NF {print $1; print $2}' <<<"$programs")
for name in "$@"; do
  grep -qxF -- "$name" <<<"$names" || { echo "build.sh: no module or program is called $name" >&2; exit 2; }
done

# One lock for all: two builds at once on few cores take longer than one after the other.
exec 9>"$out/.lock"
flock 9

while read -r module program package; do
  [ -n "$module" ] || continue
  [ $# -eq 0 ] || [[ " $* " == *" $module "* || " $* " == *" $program "* ]] || continue
  stamp="$(go env GOVERSION) $(cat "$module/go.mod" "$module/go.sum" | sha256sum | cut -c1-32) $package"
  if [ -x "$out/$program" ] && [ "$(cat "$out/$program.stamp" 2>/dev/null)" = "$stamp" ]; then
    continue
  fi
  started=$SECONDS
  # -mod=readonly: what is built is what go.mod and go.sum say, or nothing. The lock is not handed to the compiler,
  # which may outlive an interrupted run.
  # Kubernetes' programs say the version that they are told, and clients want to parse it.
  kubernetes=$(awk '$1 == "k8s.io/kubernetes" {print $2}' "$module/go.mod")
  # The tag leaves out of Prometheus what it needs to find targets in clouds: most of it, and nothing that we test.
  (cd "$module" && CGO_ENABLED=0 go build -mod=readonly -trimpath -buildvcs=false -tags=remove_all_sd \
    -ldflags="-s -w ${kubernetes:+-X k8s.io/component-base/version.gitVersion=$kubernetes}" \
    -o "$out/$program.new" "$package" 9>&-)
  mv "$out/$program.new" "$out/$program"
  printf '%s\n' "$stamp" >"$out/$program.stamp"
  echo "built $program in $((SECONDS - started)) s"
done <<<"$programs"
