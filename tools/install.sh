#!/bin/sh
# Installs what `make build` has made: libbell (shared, static, headers, pkg-config), deskbell and
# the manual. Needs no network, and root only for folders that are root's.
#
#   tools/install.sh build/release
#
# Environment, as usual: PREFIX (/usr/local), LIBDIR below it (lib; for /usr the distribution's), and
# DESTDIR, a folder that stands for / while packaging.
set -eu
cd "$(dirname "$0")/.."

folder=$1
PREFIX=${PREFIX:-/usr/local}
if [ -z "${LIBDIR:-}" ]; then
    LIBDIR=lib
    # Debian's folder of this architecture, where it has one.
    triplet=$(gcc -print-multiarch 2>/dev/null || true)
    if [ "$PREFIX" = /usr ] && [ -n "$triplet" ] && [ -d "/usr/lib/$triplet" ]; then
        LIBDIR=lib/$triplet
    fi
fi

if [ ! -e "$folder/build.ninja" ]; then
    echo "install: nothing is built yet in $folder: run make build first" >&2
    exit 1
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    "$@" >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        echo "install: failed (see above): $*" >&2
        exit 1
    }
}

# Under sudo what is built stays with whom it belongs to, or his next build could not write there.
owner=$(stat -c %U "$folder")
as_owner() {
    if [ "$(id -u)" -eq 0 ] && [ "$owner" != root ] && command -v runuser >/dev/null 2>&1; then
        runuser -u "$owner" -- "$@"
    else
        "$@"
    fi
}

# The build folder knows where it installs to; only a change costs the time to set it up again.
option() {
    meson introspect --buildoptions "$folder" |
        python3 -c 'import json, sys
print(*[o["value"] for o in json.load(sys.stdin) if o["name"] == sys.argv[1]])' "$1"
}
if [ "$(option prefix)" != "$PREFIX" ] || [ "$(option libdir)" != "$LIBDIR" ]; then
    run as_owner meson setup --reconfigure "$folder" "-Dprefix=$PREFIX" "-Dlibdir=$LIBDIR"
fi
run as_owner ninja -C "$folder"
run env DESTDIR="${DESTDIR:-}" meson install -C "$folder" --no-rebuild
# What only this very compiler could read; its other half any linker takes.
if [ "$(option b_lto)" = True ]; then
    run objcopy --wildcard --remove-section='.gnu.lto_*' --remove-section='.gnu.debuglto_*' \
        "${DESTDIR:-}$PREFIX/$LIBDIR/libbell.a"
fi
if [ "$(id -u)" -eq 0 ]; then
    chown --reference="$folder" "$folder/meson-logs/install-log.txt"
fi

# The loader must learn of a library that was put where it looks.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" -eq 0 ] && command -v ldconfig >/dev/null 2>&1; then
    ldconfig
fi
echo "installed below ${DESTDIR:-}$PREFIX; libbell.pc in ${DESTDIR:-}$PREFIX/$LIBDIR/pkgconfig"
