#!/bin/sh
# Installs what is missing to run, test or check Deskbell, from Debian and npm. When nothing is
# missing it only looks, in a few milliseconds and without the network.
#
#   tools/setup.sh run|test|check
#   tools/setup.sh bench             run, and what libbell is measured beside
#
# Each step of the first line includes the one before. Tools count wherever they come from; a
# package is asked for only when its tool or library is not found.
set -eu
cd "$(dirname "$0")/.."

say() {
    printf 'setup: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

missing=''
need() {
    missing="$missing $1"
}

has() {
    command -v "$1" >/dev/null 2>&1
}

has_package() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

# need_command COMMAND PACKAGE…
need_command() {
    command=$1
    shift
    has "$command" || need "$*"
}

# need_library PKG-CONFIG-MODULE PACKAGE
need_library() {
    { has pkg-config && pkg-config --exists "$1"; } || has_package "$2" || need "$2"
}

look_for_run() {
    need_command gcc gcc
    # gcc only recommends the headers of libc.
    [ -e /usr/include/stdio.h ] || need libc6-dev
    need_command meson meson
    need_command ninja ninja-build
    need_command pkg-config pkg-config
    need_command python3 python3
    need_command brotli brotli
    need_command node nodejs
    need_command npm npm
    need_library sqlite3 libsqlite3-dev
    need_library libsodium libsodium-dev
    need_library jansson libjansson-dev
    need_library liburing liburing-dev
    need_library zlib zlib1g-dev
    need_library openssl libssl-dev
    # npm speaks TLS with the certificates of the system.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || need ca-certificates
}

look_for_test() {
    need_library cmocka libcmocka-dev
    # The public headers are compiled as C++ too.
    need_command g++ g++
    # Makes the certificates that tests show.
    need_command openssl openssl
    # Reads the manual pages strictly.
    need_command mandoc mandoc
    find_browser >/dev/null || need chromium
    # Korean and Chinese texts must be seen to be laid out.
    has_package fonts-noto-cjk || { has fc-list && [ -n "$(fc-list :lang=ko family)" ]; } ||
        need fonts-noto-cjk
}

# Build folders that are there already must look again for what they can build.
look_for_bench() {
    need_library libwebsockets libwebsockets-dev
    [ -z "$missing" ] || touch bench/ws/meson.build
}

look_for_check() {
    need_command clang clang
    need_command clang-format clang-format
    need_command clang-tidy clang-tidy
    need_command cppcheck cppcheck
    # libFuzzer and the sanitizers of clang; the package follows the version of Debian's clang.
    has clang && [ -n "$(find "$(clang -print-resource-dir)/lib" -name 'libclang_rt.fuzzer*.a' \
        -print -quit 2>/dev/null)" ] || has_package libclang-rt-dev || need libclang-rt-dev
}

find_browser() {
    for name in "${CHROMIUM:-chromium}" chromium chromium-browser google-chrome; do
        command -v "$name" 2>/dev/null && return 0
    done
    return 1
}

install_missing() {
    # shellcheck disable=SC2086 # a list of words
    set -- $missing
    [ $# -gt 0 ] || return 0
    has apt-get || die "missing: $* (names of Debian's packages). Install them, then try again."
    if [ "$(id -u)" -eq 0 ]; then
        as_root=''
    elif has sudo; then
        as_root=sudo
    else
        die "missing packages. As root run: apt-get install $*"
    fi
    say "installing from Debian, which can take some minutes: $*"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    # shellcheck disable=SC2086 # empty or one word
    if ! { $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "$@"; } >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die "apt-get failed (see above). Mend that, or install by hand: $*"
    fi
}

# The web tools need a Node.js as in Debian 12 or later.
NODE_MIN=18
check_node() {
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge "$NODE_MIN" ] ||
        die "Node.js $major is too old: $(command -v node) must be $NODE_MIN or later."
}

# The root package.json of the workspace has what builds under dependencies and what only tests and
# checks under devDependencies. A copy of the lock file says what was installed.
#
# npm install, not npm ci: the latter refuses when a registry lacks an optional package for some
# other system. The versions and checksums of the lock file hold either way.
install_node_modules() {
    [ -e web/package-lock.json ] || return 0
    stamp=web/node_modules/.deskbell-setup
    if [ -e "$stamp.all" ] && cmp -s web/package-lock.json "$stamp.all"; then
        return 0
    fi
    if [ "$1" = run ]; then
        stamp=$stamp.run
        which=--omit=dev
    else
        stamp=$stamp.all
        which=--include=dev
    fi
    if [ -e "$stamp" ] && cmp -s web/package-lock.json "$stamp"; then
        return 0
    fi
    say 'installing from npm what web/package-lock.json lists'
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    if ! (cd web && npm install --no-save "$which" --no-audit --no-fund --loglevel=error) \
        >"$log" 2>&1; then
        tail -n 15 "$log" >&2
        die 'npm install failed (see above). Mend that, then try again.'
    fi
    cp web/package-lock.json "$stamp"
}

what=${1:-run}
case $what in
run) look_for_run ;;
test)
    look_for_run
    look_for_test
    ;;
check)
    look_for_run
    look_for_test
    look_for_check
    ;;
bench)
    look_for_run
    look_for_bench
    ;;
browser)
    find_browser || die 'no Chromium found: apt-get install chromium'
    exit 0
    ;;
*) die "usage: tools/setup.sh run|test|check|bench" ;;
esac

install_missing
check_node
# One at a time: two that run side by side would both write node_modules.
mkdir -p build
if has flock; then
    exec 9>build/.setup.lock
    flock 9
fi
install_node_modules "$what"
