#!/usr/bin/env bash
# Formatting, vet, the chosen linters, the direction of imports, and generated files in step.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/tools/build.sh github.com/golangci/golangci-lint/v2/cmd/golangci-lint

unformatted=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
[ -z "$unformatted" ] || { echo "not formatted: $unformatted"; exit 1; }
for module in . test server; do
  (cd "$module" && go vet ./... && "$OLDPWD/.cache/tools/golangci-lint" run --config "$OLDPWD/.golangci.yaml" --timeout 10m ./...)
done
scripts/web.sh
npm --prefix web run --silent lint
before=$(git status --porcelain)
scripts/generate.sh
[ "$(git status --porcelain)" = "$before" ] || { echo "generated files are out of step: run make generate and commit"; git diff --stat; exit 1; }
