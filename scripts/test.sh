#!/usr/bin/env bash
# Installs what the tests need, builds the real servers that they run against, and runs all tests: the linters, the
# unit tests of the root module, and the end-to-end tests in test/. Says what takes time.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name"
  "$@"
  echo "== $name took $((SECONDS - started)) s"
}

# What --by-hand prints is run as it stands, so the stock tools in it are needed.
packages() {
  local missing=()
  command -v unzip >/dev/null || missing+=(unzip)
  command -v zstd >/dev/null || missing+=(zstd)
  [ ${#missing[@]} -eq 0 ] && return
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

summary() {
  awk '
    $1 == "---" && $2 == "PASS:" { pass++ }
    $1 == "---" && $2 == "FAIL:" { fail++ }
    $1 == "---" && $2 == "SKIP:" { skip++ }
    END { printf "%d passed, %d failed, %d skipped\n", pass, fail, skip }' "$@"
}

log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT

# go test -v prints a line for each test; only what is not a pass is shown.
run_tests() {
  local dir=$1 out=$2 status=0
  shift 2
  (cd "$dir" && go test -v "$@" ./...) >"$out" 2>&1 || status=$?
  grep -vE '^(=== |\s*--- PASS|PASS$|\?   )' "$out" | grep -vE '^\s+\S+\.go:[0-9]+: ' | tail -n 200 || true
  if [ $status -ne 0 ]; then
    grep -nE '^\s*--- FAIL|^panic:|^FAIL' "$out" | head -50 || true
    grep -B2 -A40 -E '^\s*--- FAIL' "$out" | head -300 || true
  fi
  return $status
}

step "packages" packages
step "build holdfast" make --no-print-directory build
step "build the servers under test" test/tools/build.sh
status=0
step "lint" scripts/lint.sh || status=1
step "unit tests" run_tests . "$log/unit" -race -timeout 15m || status=1
step "end-to-end tests" run_tests test "$log/e2e" -timeout 30m || status=1
summary "$log/unit" "$log/e2e"
exit $status
