#!/usr/bin/env bash
# Streams by curl alone: bash examples/stream.sh ['A question'], with PROXY_URL and PROXY_KEY.
set -euo pipefail

url=${PROXY_URL:-http://127.0.0.1:8080}
question=${1:-Tell me a story.}

# call PATH [CURL OPTIONS]: -N passes each word on as it comes.
call() {
    path=$1
    shift
    curl -sSN -f ${PROXY_KEY:+-H "Authorization: Bearer $PROXY_KEY"} "$@" "$url$path"
}

echo '--- The words, as they are written'
call '/chat?stream=true' -H 'Content-Type: text/plain' -H 'Accept: text/plain' --data "$question"

# The same by events: a reader that remembers the number of the last one loses none of them, also
# when its connection breaks.
turn='' last=0 ended=''

# show ID KIND DATA: one whole event.
show() {
    last=$1
    case $2 in
        start) turn=$(field turn_id "$3") ;;
        delta) tell "$(field text "$3")" ;;
        done) ended=0 && echo ;;
        error) ended=1 && echo && tell "Error: $(field message "$3")\n" >&2 ;;
    esac
}

# field NAME JSON: a text in a JSON object, as it stands there.
field() {
    sed -nE 's/.*"'"$1"'":"(([^"\\]|\\.)*)".*/\1/p' <<< "$2"
}

# tell TEXT: a format of printf has the escapes that JSON has.
tell() {
    # shellcheck disable=SC2059
    printf -- "${1//%/%%}"
}

# follow: shows the events on standard input; an empty line ends each of them.
follow() {
    local line id='' kind='' data=''
    while [ -z "$ended" ] && IFS= read -r line; do
        case $line in
            'id: '*) id=${line#id: } ;;
            'event: '*) kind=${line#event: } ;;
            'data: '*) data=${line#data: } ;;
            '') [ -z "$data" ] || show "$id" "$kind" "$data"; data='' ;;
        esac
    done
}

echo '--- The words again, from events'
quoted=${question//\\/\\\\}
quoted=${quoted//\"/\\\"}
body="{\"message\": \"${quoted//$'\n'/\\n}\", \"stream\": true}"
follow < <(call /chat -H 'Content-Type: application/json' --data "$body")

for pause in 0 1 2 4; do
    [ -z "$ended" ] && [ -n "$turn" ] || break
    sleep "$pause"
    echo "(The connection broke; going on behind event $last.)" >&2
    follow < <(call "/chat/turns/$turn/events" -H "Last-Event-ID: $last")
done
exit "${ended:-1}"
