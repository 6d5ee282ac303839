#!/bin/sh
# Installs what the project needs: .venv from requirements/dev.lock, node_modules from package-lock.json. Each part has a
# stamp of the files that it was installed from, so that a second run takes milliseconds. PYTHON= names the interpreter to
# use. The installers' output goes to .local/logs/setup.log.
set -eu
cd "$(dirname "$0")/.."

LOG=.local/logs/setup.log
NEEDED_MB=1700

fail() {
  printf '\nnexscout: %s\n' "$1" >&2
  exit 1
}

python_is_right() {
  "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
    if python_is_right "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

require_python() {
  found=$(find_python) && return
  if [ -n "${PYTHON:-}" ]; then
    fail "PYTHON=$PYTHON is not Python 3.11 or newer with venv; name another interpreter."
  fi
  fail "Python 3.11 or newer with venv is needed, and none was found; install it (Debian: apt-get install python3 python3-venv, macOS: brew install python) or name one with PYTHON=/path/to/python3."
}

require_node() {
  command -v node >/dev/null 2>&1 || fail "Node.js 20 or newer is needed, and no node was found; install it from your package manager or nvm."
  major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null) || fail "node was found but does not run; reinstall Node.js 20 or newer."
  [ "$major" -ge 20 ] || fail "Node.js 20 or newer is needed, and node is version $(node --version); upgrade it or put a newer one first in PATH."
  command -v npm >/dev/null 2>&1 || fail "npm is needed beside node, and none was found; install it (Debian: apt-get install npm)."
}

free_mb() {
  df -Pk . | awk 'NR == 2 { print int($4 / 1024) }'
}

require_disk() {
  [ "$(free_mb)" -ge "$NEEDED_MB" ] || fail "set-up needs about $NEEDED_MB MB on this disk and $(free_mb) MB are free: make room and run it again."
}

key_of() {
  { pwd; cat "$@"; } | cksum
}

is_current() {
  [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]
}

# Runs a slow installer with its output in the log; a terminal shows the seconds.
show() {
  title=$1
  shift
  printf '%s … ' "$title"
  "$@" >>"$LOG" 2>&1 &
  installer=$!
  trap 'kill "$installer" 2>/dev/null; printf "\n"; exit 130' INT TERM
  seconds=0
  while kill -0 "$installer" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    if [ -t 1 ]; then printf '\r%s … %ss' "$title" "$seconds"; fi
  done
  trap - INT TERM
  if wait "$installer"; then
    if [ -t 1 ]; then printf '\r%s … ' "$title"; fi
    printf 'done in %ss\n' "$seconds"
  else
    explain "$title"
  fi
}

explain() {
  printf '\n' >&2
  tail -n 5 "$LOG" >&2 || true
  if grep -q 'No space left\|ENOSPC' "$LOG" || [ "$(free_mb)" -lt 50 ]; then
    fail "$1 failed because the disk is full ($(free_mb) MB free); make room and run it again."
  fi
  fail "$1 failed; its last lines are above, all of them in $LOG. Check the network and run it again."
}

packages_are_current() {
  is_current .venv/.packages "$(key_of requirements/dev.lock)" && .venv/bin/python -c '' 2>/dev/null
}

project_is_current() {
  is_current .venv/.project "$(key_of pyproject.toml)"
}

node_packages_are_current() {
  is_current node_modules/.packages "$(key_of package.json package-lock.json)"
}

install_packages() {
  rm -f .venv/.packages .venv/.project
  show "Virtual environment ($("$found" --version))" "$found" -m venv --clear .venv
  show "Python packages" .venv/bin/python -m pip install --no-input --disable-pip-version-check --require-hashes -r requirements/dev.lock
  key_of requirements/dev.lock >.venv/.packages
}

install_project() {
  show "The project itself" .venv/bin/python -m pip install --no-input --disable-pip-version-check --no-build-isolation --no-deps --no-index --config-settings editable_mode=compat -e .
  key_of pyproject.toml >.venv/.project
}

install_node_packages() {
  show "npm packages" npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
  key_of package.json package-lock.json >node_modules/.packages
}

if packages_are_current && project_is_current && node_packages_are_current; then exit; fi

# Missing requirements are reported before anything slow starts.
require_python
require_node
require_disk
mkdir -p .local/logs 2>/dev/null || fail "cannot write in $(pwd): the folder must belong to you."
: 2>/dev/null >"$LOG" || fail "cannot write $LOG: remove .local, which may belong to another user, and run it again."
packages_are_current || install_packages
project_is_current || install_project
node_packages_are_current || install_node_packages
