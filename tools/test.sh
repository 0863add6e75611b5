#!/usr/bin/env bash
# Lint, types and all tests. The last line is "N passed, N failed", from Vitest's own JSON report.
set -euo pipefail
cd "$(dirname "$0")/.."
results=reports/test-results.json
rm -f "$results"
mkdir -p reports

echo "test: linting"
npm run -s lint
echo "test: checking types"
npm run -s types
echo "test: finding or installing k6"
node test/k6.ts
echo "test: running the tests"
status=0
node node_modules/vitest/vitest.mjs run --reporter=default --reporter=json --outputFile.json="$results" "$@" || status=$?
node tools/test-summary.ts "$results"
exit "$status"
