#!/bin/sh
# The proxy by curl alone: sh examples/curl.sh, with PROXY_URL and PROXY_KEY in the environment.
set -eu

url=${PROXY_URL:-http://127.0.0.1:8080}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# ask PATH [CURL OPTIONS]: a question in plain text, an answer in plain text.
ask() {
    path=$1
    shift
    curl -sS -f ${PROXY_KEY:+-H "Authorization: Bearer $PROXY_KEY"} \
        -H 'Content-Type: text/plain' -H 'Accept: text/plain' "$@" "$url$path"
}

echo '--- A question; the header X-Session-ID of the answer names the session'
ask /chat --data 'Name a river in France.' -D "$dir/headers"
session=$(tr -d '\r' < "$dir/headers" | awk 'tolower($1) == "x-session-id:" {print $2}')

echo '--- A follow-up in that session, by header'
ask /chat --data 'How long is it?' -H "X-Session-ID: $session"

echo '--- and another, by query'
ask "/chat?session=$session" --data 'And the next one?'

echo '--- A parameter: gpt-5.4-mini takes a temperature'
ask '/chat?model=gpt-5.4-mini&temperature=0.2' --data 'Give me one word.'

echo '--- A file as the question'
printf 'Make this plain:\n\nNotwithstanding the aforesaid, it rained.\n' > "$dir/question.txt"
ask /chat --data-binary "@$dir/question.txt"

# With --fail-with-body in place of -f the sentence that says what is wrong is printed too.
echo '--- An error: curl -f says so by its exit status'
status=0
ask '/chat?temperature=hot' --data 'This is refused.' || status=$?
echo "curl ended with status $status"
