#!/usr/bin/env bash
# Gets the programs that tests run and a bare machine lacks: curl, node, a browser, nginx, Prometheus
# and others. Needs Debian and root for that; elsewhere it says what is missing.
set -euo pipefail

# Its two programs out of Debian's package, without the service that installing it would start.
unpack_prometheus() {
  local folder
  folder=$(mktemp -d)
  chmod 777 "$folder"
  (cd "$folder" && apt-get download -qq prometheus > /dev/null 2>&1 &&
    dpkg-deb --fsys-tarfile prometheus_*.deb |
    tar -x --strip-components=3 -C /usr/local/bin ./usr/bin/prometheus ./usr/bin/promtool)
  rm -rf "$folder"
}

missing=()
command -v curl > /dev/null || missing+=(curl)
command -v node > /dev/null || missing+=(nodejs)
command -v npm > /dev/null || missing+=(npm)
command -v chromium-headless-shell > /dev/null || missing+=(chromium-headless-shell)
[ -x /usr/sbin/nginx ] || command -v nginx > /dev/null || missing+=(nginx-light)
command -v wrk > /dev/null || missing+=(wrk)
command -v openssl > /dev/null || missing+=(openssl)
command -v kubectl > /dev/null || missing+=(kubernetes-client)
command -v systemd-analyze > /dev/null || missing+=(systemd)
unpacked=()
command -v promtool > /dev/null || unpacked+=(prometheus)
all=("${missing[@]}" "${unpacked[@]}")
[ ${#all[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
  echo "The tests need: ${all[*]}. Install them, then run make test again." >&2
  exit 1
fi
echo "Installing ${all[*]} (once) ..."
apt-get update -qq
[ ${#unpacked[@]} -eq 0 ] || unpack_prometheus
[ ${#missing[@]} -eq 0 ] ||
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" > /dev/null
