#!/bin/bash
# The part of `make check` that follows `make test`: compilers, sanitizers, linters, freshness.
#
#   tools/run_all_checks.sh [CHECK…]      all of them, or those named
#
# One line per check, what it found when it fails, and at the end "N passed, N failed".
set -u
cd "$(dirname "$0")/.."

jobs=$(nproc)
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

say_result() { # NAME STATUS SECONDS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
        echo "ok $1 ($3 s)"
    else
        failed=$((failed + 1))
        echo "not ok $1 ($3 s)"
        tail -n 100 "$log" | sed 's/^/    /'
    fi
}

chosen=" $* "
check() { # NAME COMMAND…
    local name=$1 begin=$SECONDS status=0
    shift
    [ "$chosen" = '  ' ] || [[ $chosen == *" $name "* ]] || return 0
    "$@" >"$log" 2>&1 || status=$?
    say_result "$name" "$status" $((SECONDS - begin))
}

sources() {
    git ls-files '*.c' '*.h' | grep -v '^src/desk/proto/gen/'
}

format() {
    sources | xargs clang-format --dry-run --Werror
}

# What the compilers see: the files of the clang build. How many warnings the filter of headers hides
# is of no interest.
tidy() {
    git ls-files 'src/*.c' 'examples/*.c' 'bench/*.c' | grep -v '^src/desk/proto/gen/' |
        xargs -P "$jobs" -n 4 clang-tidy -p build/clang --quiet --warnings-as-errors='*' 2>&1 |
        { grep -vE '^[0-9]+ warnings? (generated|treated)' || true; }
    return "${PIPESTATUS[1]}"
}

# Suppressed: what it takes compound literals, arrays passed to be filled and pointers inside of
# borrowed tables for.
run_cppcheck() {
    mkdir -p build/cppcheck
    cppcheck -q -j "$jobs" --cppcheck-build-dir=build/cppcheck --error-exitcode=1 --inline-suppr \
        --std=c11 --library=posix --enable=warning,performance,portability \
        --suppress=missingInclude --suppress=unknownMacro --suppress=internalAstError \
        --suppress=ctuuninitvar --suppress=returnDanglingLifetime --suppress=normalCheckLevelMaxBranches \
        --suppress=toomanyconfigs --max-configs=4 -D_GNU_SOURCE \
        -Iinclude -Isrc src
}

# They compile alone, in both languages, and what they declare is what the library exports.
public_headers() {
    local header
    tools/check_symbols.py || return 1
    for header in include/bell/*.h; do
        echo "#include \"bell/$(basename "$header")\"" |
            gcc -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -xc - || return 1
        echo "#include \"bell/$(basename "$header")\"" |
            g++ -std=c++17 -Wall -Wextra -Wpedantic -Wold-style-cast -Werror -Iinclude -fsyntax-only -xc++ - || return 1
    done
}

# TSan of gcc 12 cannot place its shadow when the kernel spreads mappings over more bits than it
# knows; without randomness it can. Containers may forbid setarch.
without_randomness() {
    local bits
    bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 28)
    if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
        setarch "$(uname -m)" -R "$@"
    else
        "$@"
    fi
}

# Each sanitizer sees both back ends: through all programs of unit that do I/O, and the files of wire
# on one back end here and on the other there.
SLOW_ASAN=3
SLOW_TSAN=6
asan() {
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0:strict_string_checks=1 \
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        tools/run_tests.py --build build/clang --only unit,unit-epoll,wire --slow $SLOW_ASAN
}
tsan() {
    tools/build.sh build/tsan &&
        TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1 \
            without_randomness tools/run_tests.py --build build/tsan --only unit,unit-epoll,wire-epoll \
            --slow $SLOW_TSAN
}

biome() {
    (cd web && npx --no-install biome check --error-on-warnings .)
}
types() {
    (cd web && npm run --silent check --workspaces --if-present)
}

tools/setup.sh check || exit 1
tools/build_web.sh || exit 1

check layers tools/check_layers.py
check generated python3 tools/gen_proto.py --check
check format format
check biome biome
check tsc types
check headers public_headers
check gcc tools/build.sh build/gcc
check clang tools/build.sh build/clang
check cppcheck run_cppcheck
check clang-tidy tidy
check asan asan
check tsan tsan

if [ $((passed + failed)) -eq 0 ]; then
    echo "no such check: $*" >&2
    exit 2
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
