#!/bin/bash
# Runs each libFuzzer target for some seconds, several side by side. New inputs that reach new code
# are kept in build/fuzz/corpus; a finding stops that target and its input lies in build/fuzz/found.
#
#   tools/run_fuzz.sh SECONDS [TARGET…]
set -u
cd "$(dirname "$0")/.."

seconds=${1:-600}
shift
tools/build.sh build/fuzz || exit 1

# A target is an executable fuzz_NAME; its seeds are in fuzz/corpus/NAME, its words in fuzz/NAME.dict.
fuzz_one() {
    local program=$1 seconds=$2 name kept found dictionary=''
    name=$(basename "$program")
    name=${name#fuzz_}
    kept=build/fuzz/corpus/$name
    found=build/fuzz/found/$name-
    mkdir -p "$kept" build/fuzz/found build/fuzz/logs
    [ -e "fuzz/$name.dict" ] && dictionary=-dict=fuzz/$name.dict
    [ -e "fuzz/dict/$name.dict" ] && dictionary=-dict=fuzz/dict/$name.dict
    # shellcheck disable=SC2086 # empty or one word
    if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
        -artifact_prefix="$found" $dictionary "$kept" $(ls -d "fuzz/corpus/$name" 2>/dev/null) \
        >"build/fuzz/logs/$name" 2>&1; then
        echo "ok fuzz_$name ($(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/logs/$name") inputs)"
    else
        echo "not ok fuzz_$name"
        tail -n 40 "build/fuzz/logs/$name" | sed 's/^/    /'
        return 1
    fi
}
export -f fuzz_one

programs=$(find build/fuzz -type f -name 'fuzz_*' -perm -u+x | sort)
if [ $# -gt 0 ]; then
    programs=$(for name in "$@"; do grep "/fuzz_${name#fuzz_}\$" <<<"$programs"; done)
fi
if [ -z "$programs" ]; then
    echo "fuzz: no such target" >&2
    exit 1
fi
count=$(wc -l <<<"$programs")
results=$(mktemp)
trap 'rm -f "$results"' EXIT
xargs -P "$(nproc)" -I{} bash -c 'fuzz_one {} '"$seconds" <<<"$programs" | tee "$results"
passed=$(grep -c '^ok ' "$results")
echo "$passed passed, $((count - passed)) failed"
[ "$passed" -eq "$count" ]
