#!/usr/bin/env bash
# Builds the web page into web/dist, from where holdfast-server takes it, unless that was done from the same sources.
set -euo pipefail
cd "$(dirname "$0")/../web"

oldest=20.19.0
version=$(node --version 2>/dev/null | tr -d v || true)
if [ "$(printf '%s\n' "$oldest" "${version:-0}" | sort -V | head -n 1)" != "$oldest" ]; then
  echo "the web page is built with Node.js $oldest or newer, and npm; found here: ${version:-none}" >&2
  exit 1
fi

hash_of() { sha256sum "$@" | sha256sum | cut -d ' ' -f 1; }

locked=$(hash_of package-lock.json)
if [ "$(cat node_modules/.installed-from 2>/dev/null || true)" != "$locked" ]; then
  npm ci --no-audit --no-fund --loglevel error
  echo "$locked" >node_modules/.installed-from
fi

mapfile -t sources < <(find . ../deploy/crds \( -path ./node_modules -o -path ./dist \) -prune -o -type f -print | LC_ALL=C sort)
built=$(hash_of "${sources[@]}")
[ "$(cat node_modules/.built-from 2>/dev/null || true)" = "$built" ] && [ -e dist/index.html ] && exit 0
rm -rf dist/assets dist/index.html
npm run --silent build
echo "$built" >node_modules/.built-from
