#!/usr/bin/env bash
# Gets the programs that tests run and a bare machine lacks: curl, node and a browser. Needs Debian
# and root for that; elsewhere it says what is missing.
set -euo pipefail

missing=()
command -v curl > /dev/null || missing+=(curl)
command -v node > /dev/null || missing+=(nodejs)
command -v npm > /dev/null || missing+=(npm)
command -v chromium > /dev/null || missing+=(chromium)
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "The tests need: ${missing[*]}. Install them, then run make test again." >&2
  exit 1
fi
echo "Installing ${missing[*]} (once) ..."
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
