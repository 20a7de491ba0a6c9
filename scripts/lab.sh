#!/usr/bin/env bash
# Brings up a lab (three machines with a real systemd, an etcd of three members on them) and opens a shell beside them.
# Needs root. Arguments are passed on, see test/lab/shell:
#   scripts/lab.sh -machines 1 -etcd 3.7
#   scripts/lab.sh -- lab on node1 systemctl status etcd
set -euo pipefail
cd "$(dirname "$0")/.."
test/lab/image.sh
test/tools/build.sh etcd36
(cd test && go build -o ../.cache/lab/shell ./lab/shell)
HOLDFAST_LAB_DIR=$PWD exec .cache/lab/shell "$@"
