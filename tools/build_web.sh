#!/bin/sh
# Builds web/*/dist when a source was added, changed or removed since the last time; else takes a
# few milliseconds. The stamp holds the list of the sources and is as old as the last build's start.
set -eu
cd "$(dirname "$0")/.."

[ -e web/package.json ] || exit 0
stamp=build/.web-built
mkdir -p build
if command -v flock >/dev/null 2>&1; then
    exec 9>build/.web.lock
    flock 9
fi

sources() {
    find web \( -name node_modules -o -name dist -o -name .vite \) -prune -o \
        -type f ! -name '*.tsbuildinfo' "$@" -print
}

is_fresh() {
    [ -e "$stamp" ] || return 1
    for part in widget console demo; do
        [ -d "web/$part/dist" ] || return 1
    done
    [ "$(sources | sort)" = "$(cat "$stamp")" ] && [ -z "$(sources -newer "$stamp")" ]
}

if is_fresh; then
    exit 0
fi
echo 'web: building widget, console and demo shop' >&2
next=$(mktemp build/.web-next.XXXXXX)
log=$(mktemp build/.web-log.XXXXXX)
trap 'rm -f "$next" "$next.time" "$log"' EXIT
sources | sort >"$next"
touch -r "$next" "$next.time"
if ! (cd web && npm run --silent build) >"$log" 2>&1; then
    cat "$log" >&2
    echo 'web: the build failed (see above)' >&2
    exit 1
fi
touch -r "$next.time" "$next"
mv "$next" "$stamp"
