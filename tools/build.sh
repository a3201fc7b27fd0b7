#!/bin/sh
# Sets a build folder up if it is not there yet, then builds the targets (none = all).
#
#   tools/build.sh build/release [TARGET…]
#
# The folder's name says how it is built:
#
#   release  what people run: optimised, as one whole (LTO) with gcc, without tests
#   test     what `make test` runs: optimised for debugging
#   gcc      gcc, optimised, warnings are errors
#   clang    clang, AddressSanitizer and UndefinedBehaviorSanitizer, warnings are errors
#   tsan     gcc, ThreadSanitizer
#   fuzz     clang, libFuzzer with both of asan
set -eu
cd "$(dirname "$0")/.."

folder=$1
shift
case $(basename "$folder") in
release)
    options='--buildtype=release -Dtests=false --libdir=lib' # as tools/install.sh wants it
    case $("${CC:-cc}" --version 2>/dev/null) in
    *'Free Software Foundation'*) options="$options -Db_lto=true" ;; # see meson.build
    esac
    ;;
test) options='--buildtype=debugoptimized' ;;
gcc)
    CC=gcc
    options='--buildtype=release -Dwerror=true -Dtests=false'
    ;;
clang)
    CC=clang
    options='--buildtype=debugoptimized -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false'
    ;;
tsan) options='--buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false' ;;
fuzz)
    CC=clang
    options='--buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true'
    options="$options -Dtests=false -Dc_args=-fsanitize=fuzzer-no-link"
    ;;
*)
    echo "build: unknown kind of build folder: $folder" >&2
    exit 2
    ;;
esac
if [ -n "${CC:-}" ]; then
    export CC
fi

mkdir -p "$folder"
log="$folder/.setup-log"
if [ ! -e "$folder/build.ninja" ]; then
    echo "$folder: setting up" >&2
    # shellcheck disable=SC2086 # a list of words
    if ! meson setup "$folder" $options >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "$folder: meson failed (see above, and $log)" >&2
        exit 1
    fi
fi

# On a terminal ninja shows how far it is; else it speaks only when something is wrong.
if ! [ -t 1 ]; then
    output=$(ninja -C "$folder" --quiet "$@" 2>&1) || {
        printf '%s\n' "$output" >&2
        exit 1
    }
    if [ "${output#*warning:}" != "$output" ]; then
        printf '%s\n' "$output" >&2
    fi
elif ! ninja -C "$folder" -n "$@" | grep -q 'no work to do'; then
    exec ninja -C "$folder" "$@"
fi
