#!/usr/bin/env python3
"""make bench: replays dialogues against a fresh server and prints what was measured.

    bench/run.py --build build/release [--data FILE…] [--conversations N] [--at-once 500] [--agents 4]
                 [--rate N] [--seconds S] [--no-browser]

Without --rate there are two runs: at full speed and at a steady 500 messages a second. bench/README.md
says what is counted how.
"""
import argparse
import pathlib
import shutil
import subprocess
import sys

from desk import DeskError, device_flushes, fresh_desk
import dialogues as dialogue_files
from transcript import compare

ROOT = pathlib.Path(__file__).resolve().parent.parent
STEADY_RATE = 500
STEADY_SECONDS = 20
FULL_CONVERSATIONS = 6000
SHOWN_PROBLEMS = 10


class Run:
    """One replay against one fresh server."""

    def __init__(self, options, rate: float, seconds: float, conversations: int) -> None:
        self.options = options
        self.rate = rate
        self.seconds = seconds
        self.conversations = conversations
        self.result = {}
        self.problems = []
        self.is_well = False

    def measure(self, texts) -> None:
        with fresh_desk(self.options.build) as desk:
            folder = desk.folder
            cookies = [desk.add_agent(i) for i in range(self.options.agents)]
            (folder / "cookies").write_text("\n".join(cookies) + "\n")
            dialogue_files.write_binary(texts, folder / "dialogues")
            rss_idle = self.idle_rss(desk)
            before = (desk.cpu_ns(), desk.metrics(), device_flushes(folder))
            done = subprocess.run(
                [ROOT / self.options.build / "bench" / "replay" / "replay",
                 "--server", f"127.0.0.1:{desk.port}", "--dialogues", folder / "dialogues",
                 "--cookies", folder / "cookies", "--transcript", folder / "transcript",
                 "--conversations", str(self.conversations), "--at-once", str(self.options.at_once),
                 "--rate", str(self.rate), "--seconds", str(self.seconds)],
                stdout=subprocess.PIPE, text=True)
            self.result = {name: float(value) for name, value in
                           (line.split() for line in done.stdout.splitlines())}
            if not desk.is_running():
                self.problems.append(f"the server ended by itself with status {desk.child.returncode}:\n"
                                     f"{desk.read_log()}")
                return
            after = (desk.cpu_ns(), desk.metrics(), device_flushes(folder))
            rss_end = desk.rss_kib()
            self.result["rss_idle_kib"] = rss_idle
            self.result["rss_end_kib"] = rss_end
            self.result["cpu_ns"] = after[0] - before[0]
            self.result["flushes"] = after[2] - before[2]
            for name, value in after[1].items():
                self.result[name] = value - before[1].get(name, 0)
            status = desk.stop()
            if (folder / "transcript").exists():
                self.problems = compare(folder / "transcript", texts, desk.data / "deskbell.db")
            log = desk.read_log()
        if status != 0:
            self.problems.append(f"the server ended with status {status}")
        if log.strip():
            self.problems.append(f"the server wrote:\n{log.strip()[:2000]}")
        self.is_well = done.returncode == 0 and not self.problems

    def idle_rss(self, desk) -> int:
        """Of a server that nobody has asked anything: a second one, since logging in needs memory."""
        with fresh_desk(self.options.build) as other:
            return other.rss_kib()

    def column(self):
        r = self.result
        commits = next((r[n] for n in COMMIT_COUNTERS if n in r), 0)
        acked = r.get("acked", 0)
        per = lambda value: value / acked if acked else 0
        ms = lambda name: f"{r.get(name, 0) / 1000:.2f}"
        return [
            f"{acked:,.0f}", f"{r.get('acked_per_s', 0):,.0f}",
            " / ".join(ms(f"ack_p{p}_us") for p in (50, 95, 99)),
            " / ".join(ms(f"other_p{p}_us") for p in (50, 95, 99)),
            f"{per(r.get('cpu_ns', 0)) / 1000:.1f}",
            f"{commits:,.0f}" if commits else "unknown",
            f"{r['flushes']:,.0f}" if r.get("flushes", -1) >= 0 else "unknown",
            f"{acked / commits:.1f}" if commits else "unknown",
            f"{r.get('rss_idle_kib', 0) / 1024:.1f} / {r.get('rss_end_kib', 0) / 1024:.1f}",
            f"{r.get('played', 0):,.0f}", f"{r.get('errors', 0) + len(self.problems):.0f}",
        ]


COMMIT_COUNTERS = ["deskbell_commits_total", "deskbell_store_commits_total", "deskbell_work_commits_total"]
ROWS = ["messages", "acknowledged per second", "send → acknowledgement, ms, p50 / p95 / p99",
        "send → other side, ms, p50 / p95 / p99", "server CPU per message, µs", "commits (each one fsync)",
        "flushes of the disk meanwhile", "messages per commit", "server RSS idle / end, MiB",
        "conversations", "errors"]


def print_table(runs) -> None:
    table = [[""] + [name for name, _ in runs]]
    columns = [run.column() for _, run in runs]
    table += [[row] + [column[i] for column in columns] for i, row in enumerate(ROWS)]
    widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
    for number, line in enumerate(table):
        cells = [line[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
        print("  ".join(cells))
        if number == 0:
            print("  ".join("-" * width for width in widths))


def browser(options) -> int:
    node = shutil.which("node")
    script = ROOT / "bench" / "browser.mjs"
    found = subprocess.run([ROOT / "tools" / "setup.sh", "browser"], capture_output=True)
    if options.no_browser or node is None or not script.exists():
        return 0
    if found.returncode != 0 or not (ROOT / "web" / "node_modules" / "playwright-core").exists():
        print("\nin the browser: not measured, since test tools are missing (make test installs them)")
        return 0
    return subprocess.run([node, script, "--build", options.build]).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="Replays dialogues against a fresh server.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--data", nargs="+", metavar="FILE", help="JSON lines of dialogues, gzip or plain")
    parser.add_argument("--conversations", type=int, default=0, help="dialogues to play in all")
    parser.add_argument("--at-once", type=int, default=500, help="dialogues at a time")
    parser.add_argument("--agents", type=int, default=4)
    parser.add_argument("--rate", type=float, help="messages per second; 0 = full speed")
    parser.add_argument("--seconds", type=float, default=0, help="start no message after this time")
    parser.add_argument("--no-browser", action="store_true")
    options = parser.parse_args()
    texts, source = dialogue_files.load(options.data)
    if not texts:
        parser.error("there are no dialogues in these files")
    print(f"dialogues: {len(texts):,} with {sum(map(len, texts)):,} turns ({source})")
    print(f"{options.at_once} conversations at a time, {options.agents} agents' consoles, "
          "load client on the same machine\n", flush=True)
    full = options.conversations or max(FULL_CONVERSATIONS, 3 * options.at_once)
    if options.rate is None:
        runs = [("full speed", Run(options, 0, options.seconds, full)),
                (f"{STEADY_RATE}/s", Run(options, STEADY_RATE, options.seconds or STEADY_SECONDS,
                                         options.conversations or 10 * full))]
    else:
        name = f"{options.rate:g}/s" if options.rate > 0 else "full speed"
        runs = [(name, Run(options, options.rate, options.seconds, options.conversations or len(texts)))]
    try:
        for _, run in runs:
            run.measure(texts)
    except DeskError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    print_table(runs)
    for name, run in runs:
        for problem in run.problems[:SHOWN_PROBLEMS]:
            print(f"{name}: {problem}")
    wrong = any(not run.is_well for _, run in runs)
    print("\nevery text arrived once, in order, unchanged, and is in the store" if not wrong
          else "\nSOMETHING IS WRONG, see above")
    sys.stdout.flush()
    return 1 if browser(options) != 0 or wrong else 0


sys.exit(main())
