#!/usr/bin/env bash
# Runs the long tests and writes docs/reliability.md; a run that was ended goes on where it was. HOLDFAST_SOAK_MINUTES
# bounds it, HOLDFAST_SOAK_SEED chooses other positions and moments. Arguments are passed on, see test/soak:
#   scripts/soak.sh -list
#   scripts/soak.sh -only kill-restore -report ""
set -euo pipefail
cd "$(dirname "$0")/../test"
exec go run ./soak -minutes "${HOLDFAST_SOAK_MINUTES:-90}" -seed "${HOLDFAST_SOAK_SEED:-1}" -report ../docs/reliability.md "$@"
