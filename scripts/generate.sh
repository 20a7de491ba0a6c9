#!/usr/bin/env bash
# Makes what is generated from api/: deep copies, and the resource definitions in deploy/crds.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/tools/build.sh sigs.k8s.io/controller-tools/cmd/controller-gen
rm -f deploy/crds/*.yaml
.cache/tools/controller-gen object crd:maxDescLen=2000 paths=./api/... output:crd:dir=deploy/crds
# The page's types come from these.
scripts/web.sh
(cd web && node scripts/types.mjs)
