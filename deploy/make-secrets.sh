#!/bin/sh
# Makes what docker-compose.yml mounts: the folder `secrets` beside it, with new random passwords and a
# certificate for trying out. What is there already stays. The OpenAI key is read from standard input.
set -eu
cd "$(dirname "$0")/.."
umask 077
mkdir -p secrets
cd secrets

# Mounted as they are, and read by users of the containers; the folder keeps others out.
put() {
  [ -s "$1" ] || cat > "$1"
  chmod 644 "$1"
}

new_word() {
  openssl rand -hex 32
}

hash_of() {
  tr -d '\n' < "$1" | sha256sum | cut -d ' ' -f 1
}

if [ ! -s openai_api_key ]; then
  [ ! -t 0 ] || echo "Paste the OpenAI key, then Enter and Ctrl-D:" >&2
  put openai_api_key
fi
for name in redis_password redis_operator_password admin_token token_secret grafana_password; do
  [ -s "$name" ] || new_word | put "$name"
done
printf 'redis://chat-proxy:%s@redis:6379/0\n' "$(cat redis_password)" | put redis_url
{
  sed "s/^user chat-proxy on/& #$(hash_of redis_password)/" ../deploy/redis-users.acl
  printf 'user operator on #%s ~* &* +@all\n' "$(hash_of redis_operator_password)"
} | put redis_users
if [ ! -s tls_key ]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout tls_key -out tls_certificate 2> /dev/null
  chmod 644 tls_key tls_certificate
fi
chmod 600 redis_operator_password redis_password
if [ ! -s openai_api_key ]; then
  echo "secrets/openai_api_key is empty: put the key into it." >&2
  exit 1
fi
