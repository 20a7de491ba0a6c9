#!/usr/bin/env bash
# Builds one of this module's tools into .cache/tools: scripts/tools/build.sh PACKAGE
set -euo pipefail
cd "$(dirname "$0")"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -o ../../.cache/tools/"$(basename "$1")" "$1"
