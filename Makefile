# The front door. Meson builds (see meson.build); the scripts behind the targets are in tools/.
#
#   make run        install what is missing, build, start on http://127.0.0.1:8080 with data in ./data
#   make test       install what is missing, build, run every suite
#   make build      build everything: libbell, server, examples, bench programs, web
#   make install    put what make build has built below PREFIX (/usr/local); DESTDIR and LIBDIR as usual
#   make check      what CI runs: make test, then compilers, sanitizers, linters
#   make bench      replay dialogues against a fresh server, then measure libbell beside others
#   make bench-ws   only the latter; with ARGS=--write also into bench/RESULTS.md
#   make million    as many idle connections to libbell as there is memory for
#   make torture    the long form: kill the server at random while dialogues run
#   make fuzz       run each fuzz target for FUZZ_SECONDS (600)
#   make clean      remove what was built; ./data stays
#
# ARGS goes to the program behind the target: make run ARGS="--listen 127.0.0.1:9000". The second
# program of make bench takes WS_ARGS.

RELEASE := build/release
TEST := build/test
SERVER := $(RELEASE)/src/cli/deskbell
FUZZ_SECONDS ?= 600
ARGS ?=
WS_ARGS ?=

.PHONY: run server test build install check peers bench bench-ws million torture fuzz clean
.DEFAULT_GOAL := build

run: server
	@exec $(SERVER) serve $(ARGS)

server:
	@tools/setup.sh run
	@tools/build_web.sh
	@tools/build.sh $(RELEASE) src/cli/deskbell

build:
	@tools/setup.sh run
	@tools/build_web.sh
	@tools/build.sh $(RELEASE)

install:
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' LIBDIR='$(LIBDIR)' tools/install.sh $(RELEASE)

test:
	@tools/setup.sh test
	@tools/build_web.sh
	@tools/build.sh $(TEST)
	@python3 tools/run_tests.py --build $(TEST) $(ARGS)

check:
	@.ci/run

# What libbell is measured beside may be missing.
peers:
	@tools/setup.sh bench || echo 'bench: going on without what could not be installed' >&2

bench: peers build
	@python3 bench/run.py --build $(RELEASE) $(ARGS)
	@python3 bench/ws/run.py --build $(RELEASE) $(WS_ARGS)

bench-ws: peers build
	@python3 bench/ws/run.py --build $(RELEASE) $(ARGS)

million: build
	@python3 bench/ws/million.py --build $(RELEASE) $(ARGS)

torture:
	@tools/setup.sh run
	@tools/build_web.sh
	@tools/build.sh $(RELEASE)
	@python3 tests/torture/torture.py --build $(RELEASE) --kills 200 $(ARGS)

fuzz:
	@tools/setup.sh check
	@tools/build_web.sh
	@tools/run_fuzz.sh $(FUZZ_SECONDS) $(ARGS)

clean:
	@rm -rf build web/*/dist
