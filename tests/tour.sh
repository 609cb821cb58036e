#!/usr/bin/env bash
# The tour of the README, command by command, against a built binary:
#
#     tests/tour.sh target/release/fascicolo
#
# Starts the server on a free port with a data directory of its own, and ends it by SIGTERM.
set -euo pipefail

binary=$(realpath "${1:?usage: tests/tour.sh BINARY}")
cd "$(dirname "$0")/.."
data=$(mktemp -d /tmp/fascicolo-tour.XXXXXX)
server=

clean_up() {
    status=$?
    if [ "$status" != 0 ]; then
        echo "the tour failed; what the server said:"
        cat "$data/log" 2>/dev/null || true
    fi
    [ -z "$server" ] || kill -9 "$server" 2>/dev/null || true
    rm -rf "$data"
}
trap clean_up EXIT

fail() {
    echo "tour: $*" >&2
    exit 1
}

# Says what is expected of the text on standard input.
expect() {
    local text
    text=$(cat)
    case $text in
        *"$1"*) ;;
        *) fail "expected $1, found: ${text:0:400}" ;;
    esac
}

start() {
    local port try
    for try in 1 2 3 4 5; do
        port=$(shuf -i 20000-60000 -n 1)
        "$binary" serve --dev --listen "127.0.0.1:$port" --data-dir "$data/data" >"$data/log" 2>&1 &
        server=$!
        for _ in $(seq 100); do
            if curl -fsS -o /dev/null "http://127.0.0.1:$port/health/ready" 2>/dev/null; then
                base="http://127.0.0.1:$port/fhir"
                return
            fi
            kill -0 "$server" 2>/dev/null || break
            sleep 0.1
        done
        kill -9 "$server" 2>/dev/null || true
        server=
    done
    fail "the server was not ready within 10 s"
}

stop() {
    local code=0
    kill -TERM "$server"
    wait "$server" || code=$?
    server=
    [ "$code" = 0 ] || fail "expected exit code 0 after SIGTERM, found $code"
}

echo "configuration"
"$binary" config check --data-dir "$data/data" | expect 'listen = "127.0.0.1:8080"'

echo "start"
start

echo "what the server can do"
curl -fsS "$base/metadata" | expect '"CapabilityStatement"'

# Runs the README's command that contains a text, with this server's base in place of the usual one.
tour() {
    local command
    command=$(awk -v text="$1" '
        /^```sh$/ { reading = 1; block = ""; next }
        /^```$/ { if (reading && index(block, text)) { printf "%s", block; exit } reading = 0; next }
        reading { block = block $0 "\n" }
    ' README.md)
    [ -n "$command" ] || fail "the README has no command with $1"
    bash -c "${command//http:\/\/127.0.0.1:8080\/fhir/$base}"
}

echo "a document goes in, and again"
tour '$ingest' | expect 'stored as DocumentReference/'
tour '$ingest' | expect 'nothing was changed'

echo "its patient and its type are found"
tour 'Patient?identifier=' | expect '"birthDate":"1980-01-01"'
tour 'DocumentReference?type=' | expect '"total":1'

echo "what is wrong is said"
tour 'nickname' | expect 'Patient.nickname'

echo "a resource goes in and comes back, in both forms"
location=$(curl -fsS -D - -o "$data/created" -H 'Content-Type: application/fhir+json' "$base/Patient" -d '{
  "resourceType": "Patient", "name": [{"family": "Verdi", "given": ["Anna"]}]
}' | tr -d '\r' | sed -n 's/^[Ll]ocation: //p')
case $location in
    "$base"/Patient/*/_history/1) ;;
    *) fail "expected a Location of version 1 under $base, found: $location" ;;
esac
patient=${location%/_history/1}
curl -fsS "$patient" | expect '"Verdi"'
curl -fsS -H 'Accept: application/fhir+xml' "$patient" | expect '<family value="Verdi"'

echo "the start page, in both languages"
curl -fsS -H 'Accept-Language: it' "${base%/fhir}/" | expect 'lang="it"'
curl -fsS -H 'Accept-Language: en' "${base%/fhir}/" | expect 'lang="en"'

echo "the data survives a restart"
stop
start
curl -fsS "$base/Patient/${patient##*/}" | expect '"Verdi"'
stop

echo "the tour is done"
