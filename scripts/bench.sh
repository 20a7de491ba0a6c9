#!/usr/bin/env bash
# Compares holdfast with the stock tools and writes docs/benchmarks.md. Arguments are passed on, see test/bench:
#   scripts/bench.sh -sizes 256 -only ad -pairs 3 -report ""
set -euo pipefail
cd "$(dirname "$0")/../test"
exec go run ./bench -bin ../bin -report ../docs/benchmarks.md "$@"
