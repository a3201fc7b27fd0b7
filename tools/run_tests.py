#!/usr/bin/env python3
"""Runs the suites of tests against one build folder and sums what really ran.

    tools/run_tests.py --build build/test [--only unit,wire] [--jobs N] [--slow FACTOR] [FILTER]

    unit     every test program that Meson knows (unit, contract, fault, corpora of the fuzz targets)
    wire     tests/wire/*.test.mjs: exact bytes to the real programs
    web      the unit tests of web/
    e2e      tests/e2e/*.test.mjs: the real thing in Chromium
    torture  a short kill -9 run of the replay

    unit-epoll, wire-epoll, e2e-epoll, torture-epoll
             what of them speaks through libbell once more, on epoll: without BELL_IO in the
             environment the other suites use io_uring where it works

    unit-old-kernel, wire-old-kernel
             what of them is about libbell's connections once more, on io_uring as it was before Linux
             6.12 (docs/internals/net.md says what is missing there)

All of them speak TAP. The last line is "N passed, N failed", with ", N skipped" when there are some,
and the exit status says the same. A program that crashes, takes too long, runs fewer tests than it
announced or runs none counts as failed. FILTER keeps only the programs and files that contain it.

The programs find the build folder in BELL_BUILD_DIR and the server in DESKBELL_PROGRAM (absolute).
"""
import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Seconds after which a file or suite is killed; --slow multiplies them.
WIRE_LIMIT_S = 120
WEB_LIMIT_S = 300
E2E_LIMIT_S = 240
# Most programs wait longer than they compute. Browsers compute more.
JOBS_PER_CORE = 2
E2E_JOBS = 2
TORTURE_LIMIT_S = 240
UNIT_LIMIT_S = 900

# Messages of all sizes, published ones, peers that do not read: what depends on how bytes are received.
OLD_KERNEL_FILES = {f"bell_{name}.test.mjs" for name in (
    "abuse", "deflate", "http", "property", "publish", "tls", "ws")}

TORTURE_KILLS = 20
DETAIL_LINES = 60

RESULT = re.compile(r"^(not )?ok\b *([0-9]*) *-? *(.*)$")
DIRECTIVE = re.compile(r"(?:^|\s)# *(skip|todo)\b(.*)$", re.IGNORECASE)
PLAN = re.compile(r"^1\.\.([0-9]+)")


@dataclasses.dataclass
class Failure:
    name: str
    detail: str


@dataclasses.dataclass
class Count:
    passed: int = 0
    skipped: int = 0
    failures: list = dataclasses.field(default_factory=list)

    def add(self, other) -> None:
        self.passed += other.passed
        self.skipped += other.skipped
        self.failures += other.failures

    def line(self) -> str:
        text = f"{self.passed} passed, {len(self.failures)} failed"
        return text + (f", {self.skipped} skipped" if self.skipped else "")


class Tap:
    """Reads TAP, subtests by indentation included, and counts the leaves."""

    def __init__(self) -> None:
        self.count = Count()
        self.results = {}  # indentation -> results there since the last one further out
        self.had_failures = {}  # indentation -> failed leaves among them
        self.plan = None
        self.top = 0
        self.path = []  # (indentation, name) of the subtests we are in
        self.failure = None  # the last one, while lines that explain it follow
        self.in_yaml = False
        self.bailed = None

    def feed(self, line: str) -> None:
        text = line.lstrip(" ")
        indent = len(line) - len(text)
        text = text.rstrip()
        if self.in_yaml:
            if text == "...":
                self.in_yaml = False
            else:
                self.explain(line)
            return
        if text == "---":
            self.in_yaml = True
            return
        if text.startswith("# Subtest: "):
            self.enter(indent, text[len("# Subtest: "):])
            return
        if text.startswith("Bail out!"):
            self.bailed = text
            return
        plan = PLAN.match(text)
        if plan:
            if indent == 0:
                self.plan = int(plan.group(1))
            return
        result = RESULT.match(text)
        if result:
            self.result(indent, result)
            return
        self.explain(line)

    def enter(self, indent: int, name: str) -> None:
        self.path = [entry for entry in self.path if entry[0] < indent]
        self.path.append((indent, name))
        self.failure = None

    def explain(self, line: str) -> None:
        if self.failure is not None and not line.startswith(("# tests ", "# suites ")):
            self.failure.detail += line.rstrip() + "\n"

    def result(self, indent: int, match) -> None:
        deeper = [i for i in self.results if i > indent]
        is_parent = any(self.results[i] for i in deeper)
        child_failed = any(self.had_failures.get(i) for i in deeper)
        for i in deeper:
            self.results.pop(i)
            self.had_failures.pop(i, None)
        self.results[indent] = self.results.get(indent, 0) + 1
        self.top += indent == 0
        self.failure = None
        name = match.group(3)
        directive = DIRECTIVE.search(name)
        outer = [n for i, n in self.path if i < indent]
        full = " > ".join(outer + [DIRECTIVE.sub("", name).strip() or "?"])
        failed = match.group(1) is not None
        kind = directive.group(1).lower() if directive else ""
        # cmocka writes skipped tests as "not ok … # SKIP".
        if failed and not kind:
            self.had_failures[indent] = True
            if not (is_parent and child_failed):
                self.failure = Failure(full, "")
                self.count.failures.append(self.failure)
        elif is_parent:
            if child_failed:
                self.had_failures[indent] = True
        elif kind in ("skip", "todo"):
            self.count.skipped += 1
        else:
            self.count.passed += 1

    def finish(self, program: str, trouble: str, output: str) -> Count:
        """trouble says how the program ended if not well; output is shown when nothing else explains it."""
        count = self.count
        for failure in count.failures:
            failure.name = f"{program}: {failure.name}"
        problem = trouble if trouble and not count.failures else ""
        if self.bailed:
            problem = self.bailed
        elif trouble and "time" in trouble:
            problem = trouble
        elif not problem and self.plan is not None and self.top != self.plan:
            problem = f"announced {self.plan} tests, ran {self.top}" + (f"; {trouble}" if trouble else "")
        elif not problem and not (count.passed or count.failures or count.skipped):
            problem = trouble or "ran no test"
        if problem:
            count.failures.append(Failure(f"{program}: {problem}", output))
        return count


def read_tap(program: str, text: str, trouble: str, output: str) -> Count:
    tap = Tap()
    for line in text.splitlines():
        tap.feed(line)
    return tap.finish(program, trouble, output)


def tail(text: str) -> str:
    lines = text.rstrip().splitlines()
    if len(lines) > DETAIL_LINES:
        lines = [f"… {len(lines) - DETAIL_LINES} lines before"] + lines[-DETAIL_LINES:]
    return "\n".join(lines)


@dataclasses.dataclass
class Ran:
    stdout: str
    stderr: str
    trouble: str


running = set()
running_lock = threading.Lock()


def run(command, limit_s: float, env, cwd=ROOT) -> Ran:
    """Runs a program in a process group of its own, which is ended with it."""
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, errors="replace", start_new_session=True, env=env, cwd=cwd,
    )
    with running_lock:
        running.add(child.pid)
    trouble = ""
    try:
        try:
            out, err = child.communicate(timeout=limit_s)
            if child.returncode < 0:
                trouble = f"killed by {signal.Signals(-child.returncode).name}"
            elif child.returncode > 0:
                trouble = f"exit status {child.returncode}"
        except subprocess.TimeoutExpired:
            end_group(child.pid)
            out, err = child.communicate()
            trouble = f"took more time than {limit_s:.0f} s"
    finally:
        end_group(child.pid)  # What it left behind.
        with running_lock:
            running.discard(child.pid)
    return Ran(out, err, trouble)


def end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


class Suites:
    def __init__(self, options) -> None:
        self.options = options
        self.build = (ROOT / options.build).resolve()
        self.env = dict(os.environ, BELL_BUILD_DIR=str(self.build), NO_COLOR="1")
        self.env.pop("NODE_OPTIONS", None)
        self.env.pop("FORCE_COLOR", None)
        # Options of the person at the keyboard must not reach the servers of the tests.
        for name in [n for n in self.env if n.startswith("DESKBELL_")]:
            del self.env[name]
        self.env["DESKBELL_PROGRAM"] = str(self.build / "src" / "cli" / "deskbell")

    def limit(self, seconds: float) -> float:
        return seconds * self.options.slow

    def unit(self, suite="", env=None, room="", log_name="testlog") -> Count:
        listed = json.loads(subprocess.run(
            ["meson", "introspect", "--tests", str(self.build)],
            check=True, capture_output=True, text=True).stdout)
        protocols = {t["name"]: t["protocol"] for t in listed}
        names = [t["name"] for t in listed if self.options.filter in t["name"] and t["name"].startswith(room)
                 and (not suite or any(s.rpartition(":")[2] == suite for s in t["suite"]))]
        count = Count()
        if not names:
            return count
        log = self.build / "meson-logs" / f"{log_name}.json"
        log.unlink(missing_ok=True)
        done = run(
            ["meson", "test", "-C", str(self.build), "--no-rebuild", "--num-processes",
             str(self.options.jobs), "--logbase", log_name, "--timeout-multiplier", str(self.options.slow), *names],
            self.limit(UNIT_LIMIT_S), env or self.env)
        seen = set()
        for line in log.read_text().splitlines() if log.exists() else []:
            entry = json.loads(line)
            name = entry["name"].rpartition(" / ")[2]  # Meson may put project and suite before it.
            seen.add(name)
            stdout, stderr = entry.get("stdout", ""), entry.get("stderr", "")
            # With status 0 the lines of TAP decide: Meson takes cmocka's skipped tests for failed ones.
            ended_well = entry["result"] in ("OK", "SKIP", "EXPECTEDFAIL") or (
                entry["result"] == "FAIL" and entry["returncode"] == 0 and protocols.get(name) == "tap")
            trouble = "" if ended_well else f"{entry['result'].lower()}, exit status {entry['returncode']}"
            if entry["result"] == "TIMEOUT":
                trouble = "took more time than it has"
            output = tail(stdout + "\n" + stderr)
            if protocols.get(name) == "tap":
                count.add(read_tap(name, stdout, trouble, output))
            elif entry["result"] == "SKIP":
                count.skipped += 1
            elif ended_well:
                count.passed += 1
            else:
                count.failures.append(Failure(f"{name}: {trouble}", output))
        for name in names:
            if name not in seen:
                count.failures.append(Failure(f"{name}: did not run", tail(done.stdout + done.stderr)))
        return count

    def node_files(self, folder: str, limit_s: float, jobs: int, env=None, wanted=lambda path: True) -> Count:
        count = Count()
        files = [f for f in sorted((ROOT / folder).rglob("*.test.mjs")) if self.options.filter in str(f) and wanted(f)]

        def run_file(path) -> Count:
            # TAP goes to a file: what a test prints must not be taken for a result.
            with tempfile.NamedTemporaryFile("r", prefix="tap-", errors="replace") as tap:
                done = run(["node", "--test-reporter=tap", f"--test-reporter-destination={tap.name}",
                            str(path)], self.limit(limit_s), env or self.env)
                text = tap.read()
            output = tail(done.stdout + "\n" + done.stderr)
            return read_tap(str(path.relative_to(ROOT)), text, done.trouble, output)

        with concurrent.futures.ThreadPoolExecutor(max(1, jobs)) as pool:
            for one in pool.map(run_file, files):
                count.add(one)
        return count

    def wire(self) -> Count:
        return self.node_files("tests/wire", WIRE_LIMIT_S, self.options.jobs)

    def unit_epoll(self) -> Count:
        return self.unit("io", self.on_epoll(), log_name="testlog-epoll")

    def wire_epoll(self) -> Count:
        return self.node_files("tests/wire", WIRE_LIMIT_S, self.options.jobs, self.on_epoll())

    def unit_old_kernel(self) -> Count:
        return self.unit("io", self.on_old_kernel(), "bell_net")

    def wire_old_kernel(self) -> Count:
        return self.node_files("tests/wire", WIRE_LIMIT_S, self.options.jobs, self.on_old_kernel(),
                               lambda path: path.name in OLD_KERNEL_FILES)

    def e2e(self, env=None, wanted=lambda path: True) -> Count:
        return self.node_files("tests/e2e", E2E_LIMIT_S, min(self.options.jobs, E2E_JOBS), env, wanted)

    def e2e_epoll(self) -> Count:
        # Where the test plays the desk there is no server to be on one or the other.
        return self.e2e(self.on_epoll(), lambda path: "widget_support.mjs" not in path.read_text())

    def web(self) -> Count:
        command = ["npx", "--no-install", "vitest", "run", "--reporter=tap-flat"]
        done = run(command + ([self.options.filter] if self.options.filter else []),
                   self.limit(WEB_LIMIT_S), self.env, cwd=ROOT / "web")
        return read_tap("web", done.stdout, done.trouble, tail(done.stdout + "\n" + done.stderr))

    def torture(self, env=None) -> Count:
        done = run(["python3", str(ROOT / "tests/torture/torture.py"), "--build", str(self.build),
                    "--kills", str(TORTURE_KILLS)], self.limit(TORTURE_LIMIT_S), env or self.env)
        return read_tap("torture", done.stdout, done.trouble, tail(done.stdout + "\n" + done.stderr))

    def torture_epoll(self) -> Count:
        return self.torture(self.on_epoll())

    def on_epoll(self) -> dict:
        return dict(self.env, BELL_IO="epoll")

    def on_old_kernel(self) -> dict:
        return dict(self.env, BELL_URING_WITHOUT="incremental")


# Suites of one row run side by side. Browsers get the machine for themselves: what they wait for has
# limits of time.
ROWS = [["unit", "unit-epoll"], ["wire", "web"], ["wire-epoll"],
        ["unit-old-kernel", "wire-old-kernel"], ["e2e"], ["e2e-epoll"], ["torture", "torture-epoll"]]


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the suites of tests.")
    parser.add_argument("--build", default="build/test", help="build folder")
    parser.add_argument("--only", default="", help="suites, with commas between")
    parser.add_argument("--jobs", type=int, default=JOBS_PER_CORE * (os.cpu_count() or 1),
                        help="programs of a suite side by side")
    parser.add_argument("--slow", type=float, default=1, help="multiplies all limits of time")
    parser.add_argument("filter", nargs="?", default="", help="part of a program's or file's name")
    options = parser.parse_args()
    known = [name for row in ROWS for name in row]
    only = [name for name in options.only.split(",") if name] or known
    for name in only:
        if name not in known:
            parser.error(f"no suite {name}; there are {', '.join(known)}")
    suites = Suites(options)
    total = Count()

    def run_suite(name: str) -> Count:
        begin = time.monotonic()
        try:
            count = getattr(suites, name.replace("-", "_"))()
        except Exception as error:  # A suite that cannot start is a failure, not the end.
            count = Count(failures=[Failure(f"{name}: {error}", "")])
        if not options.filter and not (count.passed or count.failures or count.skipped):
            count.failures.append(Failure(f"{name}: ran no test", ""))
        for failure in count.failures:
            detail = "".join(f"    {line}\n" for line in tail(failure.detail).splitlines())
            print(f"not ok {name}: {failure.name}\n{detail}", end="", flush=True)
        print(f"{name}: {count.line()} ({time.monotonic() - begin:.1f} s)", flush=True)
        return count

    try:
        for row in ROWS:
            chosen = [name for name in row if name in only]
            with concurrent.futures.ThreadPoolExecutor(max(1, len(chosen))) as pool:
                for count in pool.map(run_suite, chosen):
                    total.add(count)
    except KeyboardInterrupt:
        with running_lock:
            for pid in running:
                end_group(pid)
        print("interrupted", file=sys.stderr)
        return 130
    if not (total.passed or total.failures):
        total.failures.append(Failure("no test ran", ""))
    print(total.line(), flush=True)
    return 1 if total.failures else 0


sys.exit(main())
