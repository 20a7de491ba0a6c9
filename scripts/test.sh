#!/usr/bin/env bash
# Installs what the tests need, builds the real servers that they run against, and runs all tests: the linters, the
# unit tests of the root module, the server's, and the end-to-end tests in test/. Says what takes time.
set -euo pipefail
cd "$(dirname "$0")/.."

step() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name"
  "$@"
  echo "== $name took $((SECONDS - started)) s"
}

# beside NAME COMMAND…: runs it while other steps go on, in a process group of its own. joined prints what it said, and
# returns as it did.
beside() {
  set -m
  step "$@" >"$said" 2>&1 </dev/null &
  job=$!
  set +m
}

joined() {
  local status=0
  wait "$job" || status=1
  job=
  cat "$said"
  return $status
}

# What --by-hand prints is run as it stands, so the stock tools in it are needed.
packages() {
  local missing=()
  command -v unzip >/dev/null || missing+=(unzip)
  command -v zstd >/dev/null || missing+=(zstd)
  command -v chromium >/dev/null || missing+=(chromium)
  [ ${#missing[@]} -eq 0 ] && return
  apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
}

# run_tests DIR EVENTS FLAGS… [-- PACKAGES…]: one line for each package, and what a test said only if it failed.
run_tests() {
  local dir=$1 events=$2 flags=()
  shift 2
  while [ $# -gt 0 ] && [ "$1" != -- ]; do flags+=("$1"); shift; done
  [ $# -gt 0 ] && shift || set -- ./...
  (cd "$dir" && "$OLDPWD/.cache/tools/gotestsum" --format pkgname --format-hide-empty-pkg --hide-summary skipped --jsonfile "$events" -- "${flags[@]}" "$@")
}

# The packages of test/ whose tests are no lab's.
without_lab() { (cd test && go list ./... | grep -vE '/test/(lab|fleet|distro/lab)(/|$)'); }

count() { cat "$log"/* | grep -cE "^\{.*\"Action\":\"$1\".*\"Test\":" || true; }

log=$(mktemp -d)
said=$(mktemp)
job=
trap '[ -z "$job" ] || kill -- "-$job" 2>/dev/null || true; rm -rf "$log" "$said"' EXIT

step "packages" packages
step "build holdfast" make --no-print-directory build
step "build the servers under test" test/tools/build.sh
step "build the lab's machines" test/lab/image.sh
step "build the test runner" scripts/tools/build.sh gotest.tools/gotestsum
status=0
step "lint" scripts/lint.sh || status=1
step "the page's unit tests" npm --prefix web run --silent test || status=1
# The server's tests mostly wait.
beside "server tests" run_tests server "$log/server" -timeout 20m
step "unit tests" run_tests . "$log/unit" -race -timeout 20m || status=1
joined || status=1
# So do machines that boot. One package at a time: several machines on few cores are enough.
beside "lab tests" run_tests test "$log/lab" -p 1 -timeout 60m -- ./lab/... ./fleet/... ./distro/lab/...
step "end-to-end tests" run_tests test "$log/e2e" -timeout 40m -- $(without_lab) || status=1
step "the page in a browser" scripts/page-test.sh || status=1
joined || status=1
echo "$(count pass) passed, $(count fail) failed, $(count skip) skipped"
if [ "${CI:-}" = true ] && [ "$(count skip)" -gt 0 ]; then
  echo "a skipped test counts as a failure here"
  status=1
fi
exit $status
