#!/usr/bin/env bash
# Tries the web page in a browser, against a manager with simulated machines. Wants bin/holdfast-server. Arguments are
# Playwright's:
#   scripts/page-test.sh fleet.spec.ts --headed
set -euo pipefail
cd "$(dirname "$0")/.."
stage=$PWD/.cache/page-stage
(cd test && go build -o "$stage" ./page/stage)
cd web
# Of root's, Chromium puts itself before all others: what else runs here would wait for it.
modest=()
[ "$(id -u)" -ne 0 ] || modest=(setpriv --bounding-set=-sys_nice --inh-caps=-sys_nice)
HOLDFAST_STAGE=$stage HOLDFAST_SERVER=$PWD/../bin/holdfast-server "${modest[@]}" npx playwright test "$@"
