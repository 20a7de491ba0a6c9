#!/usr/bin/env bash
# Formatting, vet, the chosen linters, the direction of imports, and generated files in step.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted"; exit 1; }
for module in . test; do
  (cd "$module" && go vet ./... && go tool -modfile="$OLDPWD/scripts/tools/go.mod" golangci-lint run --config "$OLDPWD/.golangci.yaml" ./...)
done
