#!/usr/bin/env bash
# Builds the etcd that the demo runs on, once, and plays the demo. Everything it makes is removed at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
echo "Building what the demo needs (the first time takes a minute or two) …"
test/tools/build.sh etcd-3.7
cd test
exec go run ./demo -holdfast ../bin/holdfast
