#!/usr/bin/env bash
# Installs what the make targets need, and only what is missing. Each step is quick when there is nothing to do.
#   tools/setup.sh node                     npm packages, and Node 24 among them
#   tools/setup.sh postgres redis …         servers and tools for tests, through apt when that is possible
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# Node 24 comes as optional packages of package.json, each of which npm installs on its own platform alone. Linux has one version on
# both architectures; for macOS npm has no package of that version, so there it is the newest 24 that it has.
setup_node() {
  command -v npm >/dev/null || fail "npm isn't installed. Install Node.js of any version from 18 on; the project brings Node 24 itself." "On Debian and Ubuntu: apt-get install npm"
  local stamp=node_modules/.gatehouse wanted
  wanted="$(cksum package-lock.json) $(uname -sm)"
  if [ -x node_modules/.bin/tsc ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
  say "installing npm packages and Node 24 (about 30 s the first time)"
  npm ci --no-audit --no-fund --loglevel=error
  if ! PATH="$PWD/node_modules/.bin:$PATH" node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 24 ? 0 : 1)'; then
    fail "Node 24 isn't there: npm has none for $(uname -sm). Install Node 24 or newer and run this again: https://nodejs.org"
  fi
  printf '%s' "$wanted" >"$stamp"
}

# name of a step → the program that shows that it is done, and the Debian package
program_of() {
  case "$1" in
    postgres) echo initdb postgresql ;;
    pgbouncer) echo pgbouncer pgbouncer ;;
    redis) echo redis-server redis-server ;;
    prometheus) echo promtool prometheus ;;
    pushgateway) echo prometheus-pushgateway prometheus-pushgateway ;;
    chromium) echo chromium chromium ;;
    nginx) echo nginx nginx-light ;;
    *) fail "there is no step \"$1\"" ;;
  esac
}

is_there() {
  PATH="$PATH:/usr/sbin:/usr/local/sbin:$(printf '%s:' /usr/lib/postgresql/*/bin)" command -v "$1" >/dev/null
}

# Packages start their server when they are installed; tests run copies of their own, so that is turned off meanwhile.
policy=/usr/sbin/policy-rc.d
install_packages() {
  say "installing $* through apt (about 30 s)"
  local made=no
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    made=yes
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  local log
  log="$(mktemp)"
  if ! { apt-get install -y -q --no-install-recommends "$@" || { apt-get update -q && apt-get install -y -q --no-install-recommends "$@"; }; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    fail "apt-get could not install $*. Its last lines are above."
  fi
  rm -f "$log"
  if [ "$made" = yes ]; then
    rm -f "$policy"
    trap - EXIT
  fi
}

missing=()
hints=()
for step in "$@"; do
  if [ "$step" = node ]; then
    setup_node
    continue
  fi
  if [ "$step" = postgres ] && [ -n "${DATABASE_URL:-}" ]; then continue; fi
  read -r program package <<<"$(program_of "$step")"
  if ! is_there "$program"; then
    missing+=("$package")
    hints+=("$program isn't installed. Debian, Ubuntu: sudo apt-get install $package · macOS: brew install $package")
  fi
done

if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    install_packages "${missing[@]}"
  else
    fail "${hints[@]}" "Or give servers that run already: DATABASE_URL=postgres://… REDIS_URL=redis://… make test"
  fi
fi
