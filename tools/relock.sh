#!/usr/bin/env bash
# Makes package-lock.json anew from package.json, under Node 24 (npm picks versions by the running Node) and away from
# node_modules (npm leaves out the packages of other platforms when they aren't installed here). No download addresses.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cp package.json .npmrc "$folder"
(cd "$folder" && npm install --package-lock-only --no-audit --no-fund --loglevel=error && npm ci --dry-run --loglevel=error >/dev/null)
cp "$folder/package-lock.json" package-lock.json
