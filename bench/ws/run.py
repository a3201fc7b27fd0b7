#!/usr/bin/env python3
"""make bench, the part of libbell: the same load against libbell and others, in turns.

    bench/ws/run.py [--build build/release] [--scenario NAME…] [--servers NAME…] [--rounds 3] [--seconds 1.5]
                    [--cores 0,1] [--syscall-cost NS] [--write] [--list]

Each run starts a fresh server on one core and the load client on another. In a round every server
has its turn, so that a machine that changes its speed changes it for all; figures are medians over the
rounds, ratios medians of the ratios inside a round. bench/README.md says what is counted how.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import report
from scenarios import IDLE_CONNECTIONS, is_meant, plan, SCENARIOS
from servers import kinds, Missing, ROOT, running, ServerError
import tls_idle

LOAD_LIMIT_S = 120


def play(options, scenario, kind):
    """One run: what the load client printed, and the peak of the server's memory."""
    if scenario.is_tls:
        with tempfile.TemporaryDirectory(prefix="bell-bench-") as folder:
            return tls_idle.measure(kind, options.cores, options.idle, folder)
    mode, arguments = plan(scenario, kind.name)
    if scenario.is_timed:
        arguments += ["--warm-up", options.warm_up, "--seconds", options.seconds]
    else:
        arguments += ["--connections", options.idle]
    with running(kind, mode, options.cores[0]) as server:
        done = subprocess.run(
            [*options.pinned, options.load, *map(str, arguments), "--port", str(server.port), "--pid", str(server.pid)],
            capture_output=True, text=True, timeout=LOAD_LIMIT_S + options.seconds)
        if done.returncode != 0:
            raise ServerError(done.stderr.strip() or f"load ended with status {done.returncode}")
        return {**json.loads(done.stdout), "peak": server.peak_bytes()}


def play_rounds(options, scenario, chosen):
    """(runs by server, why a server has none, problems)"""
    results, notes, problems = {}, {}, []
    rounds = 1 if scenario.is_tls else options.rounds
    for number in range(rounds):
        # Another order each time, so that nobody always follows the same one.
        order = chosen[number % len(chosen):] + chosen[:number % len(chosen)]
        for kind in order:
            if kind.name in notes or not is_meant(scenario, kind):
                continue
            try:
                run = play(options, scenario, kind)
            except Missing as why:
                notes[kind.name] = str(why)
                continue
            except (ServerError, subprocess.TimeoutExpired, OSError, RuntimeError) as why:
                notes[kind.name] = f"failed in round {number + 1}: {why}"
                problems.append(f"{scenario.name}: {kind.title}: {why}")
                continue
            counted = next(key for key in ("messages", "connections") if key in run)
            results.setdefault(kind.name, []).append({**run, "round": number, "counted": counted})
            print(f"{scenario.name} round {number + 1}/{rounds}: {kind.title}: "
                  f"{report.cpu_us(results[kind.name][-1]):.2f} µs", file=sys.stderr, flush=True)
    return {kind.name: results[kind.name] for kind in chosen if kind.name in results}, notes, problems


def why_no_load(program: pathlib.Path) -> str:
    if not program.exists():
        return "the load client was not built (it needs liburing and zlib)"
    # Nobody listens there: it gets no further when the kernel refuses it a ring.
    tried = subprocess.run([program, "echo", "--port", "1"], capture_output=True, text=True)
    return "the load client may not use io_uring" if "io_uring: set-up" in tried.stderr else ""


class Others:
    """What the rest of the machine did meanwhile: it takes time from what is measured."""

    def __init__(self) -> None:
        self.began = self.now()

    @staticmethod
    def now():
        """Seconds: of the clock, of all cores busy, of our children, stolen by the host."""
        fields = pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        user, nice, system, _, _, irq, softirq, stolen = (int(field) / os.sysconf("SC_CLK_TCK") for field in fields)
        ours = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF))
        return time.monotonic(), user + nice + system + irq + softirq, ours, stolen

    def line(self) -> str:
        clock, busy, ours, stolen = (end - begin for begin, end in zip(self.began, self.now()))
        return (f"- meanwhile other programs took {100 * max(0, busy - ours) / clock:.0f} % of a core, "
                f"and the host {100 * stolen / clock:.0f} %")


def calibrated(options):
    """What dear-calls found out on the server's core, None when it is not there. Has the servers go through it."""
    program = pathlib.Path(ROOT / options.build).resolve() / "bench" / "ws" / "dear-calls"
    if not program.exists():
        return None
    done = subprocess.run(["taskset", "-c", str(options.cores[0]), program, "--calibrate", str(options.syscall_cost)],
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr.strip() or f"dear-calls ended with status {done.returncode}")
    found = json.loads(done.stdout)
    if found["length"] > 0:
        for kind in options.all_kinds.values():
            kind.before = [program, "--length", str(found["length"])]
    return found


def calls_line(found) -> str:
    line = f"- an empty system call costs {found['plain_ns']} ns"
    if found["length"] > 0:
        line += (f"; made dear for all servers, {found['dear_ns']} ns, by a seccomp filter of "
                 f"{found['length']:,} multiplications before each: an emulation")
    return line


def read_options():
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description="Measures libbell beside others.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--scenario", nargs="+", choices=names, default=names, metavar="NAME")
    parser.add_argument("--servers", nargs="+", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.5, help="measured in each run")
    parser.add_argument("--warm-up", type=float, default=0.5, help="seconds before")
    parser.add_argument("--idle", type=int, default=IDLE_CONNECTIONS, help="connections of open and idle-tls")
    parser.add_argument("--cores", help="of server and client; by default the first two there are")
    parser.add_argument("--syscall-cost", type=int, default=0, metavar="NS",
                        help="makes each system call of the servers cost as much, if it costs less (bench/README.md)")
    parser.add_argument("--write", action="store_true", help="also into bench/RESULTS.md")
    parser.add_argument("--list", action="store_true", help="names of scenarios and servers")
    options = parser.parse_args()
    options.all_kinds = kinds(pathlib.Path(ROOT / options.build).resolve())
    for name in options.servers or []:
        if name not in options.all_kinds:
            parser.error(f"no server {name}; there are {', '.join(options.all_kinds)}")
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    cores = [int(core) for core in options.cores.split(",")] if options.cores else sorted(os.sched_getaffinity(0))
    options.cores = (cores[0], cores[1] if len(cores) > 1 else cores[0])
    options.pinned = ["taskset", "-c", str(options.cores[1])]
    options.load = pathlib.Path(ROOT / options.build).resolve() / "bench" / "ws" / "load"
    return options


def main() -> int:
    options = read_options()
    if options.list:
        for scenario in SCENARIOS:
            print(f"{scenario.name:14} {scenario.title}")
        for kind in options.all_kinds.values():
            print(f"{kind.name:14} {kind.title}")
        return 0
    why = why_no_load(options.load)
    if why:
        print(f"bench: libbell is not measured, since {why}")
        return 0
    chosen = [kind for name, kind in options.all_kinds.items() if options.servers is None or name in options.servers]
    titles = {kind.name: kind.title for kind in chosen}
    found = calibrated(options)
    if options.syscall_cost > 0 and (found is None or found["length"] == 0):
        print("bench: system calls cost as much already, or dear-calls was not built", file=sys.stderr)
        return 1
    is_dear = options.syscall_cost > 0
    lines = ["## libbell beside others, system calls made dear" if is_dear else "## libbell beside others", "",
             *report.machine(), *([calls_line(found)] if found else []),
             f"- {options.rounds} rounds, {options.seconds:g} s measured in each run, server on core "
             f"{options.cores[0]}, client on core {options.cores[1]}"]
    others = Others()
    all_results, details, problems = [], [], []
    for scenario in SCENARIOS:
        if scenario.name in options.scenario:
            results, notes, wrong = play_rounds(options, scenario, chosen)
            all_results.append((scenario, results))
            details += report.scenario_lines(scenario, options.idle, results, notes, titles)
            problems += wrong
    lines += [others.line(), ""] + report.summary_lines(all_results, options.idle, titles) + details
    print("\n".join(lines))
    if options.write:
        report.write_section("load dear" if is_dear else "load", lines)
    for problem in problems:
        print(f"bench: {problem}", file=sys.stderr)
    return 1 if problems else 0


sys.exit(main())
