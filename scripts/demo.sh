#!/usr/bin/env bash
# Builds the etcd that the demo runs on, once, and plays the demo. It stays up until Ctrl-C; with ONCE=1 it ends with its
# verdict. Everything it makes is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "Building what the demo needs (the first time takes some minutes) …"
test/tools/build.sh etcd-3.7
go -C test build -o ../.cache/demo ./demo
exec .cache/demo -bin bin ${ONCE:+-once}
