"""Figures to Markdown, and the machine they were taken on."""
import os
import pathlib
import re
import statistics
import subprocess
import time

from servers import ROOT

RESULTS = ROOT / "bench" / "RESULTS.md"
HEAD = """# Results

Written by the programs below `bench/ws` with `--write`; bench/README.md says what is measured and how.
"""


def output_of(*command) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def first_match(path: str, pattern: str) -> str:
    found = re.search(pattern, pathlib.Path(path).read_text(), re.MULTILINE)
    return found.group(1).strip() if found else "unknown"


def machine():
    """Lines of a Markdown list."""
    commit = output_of("git", "rev-parse", "--short=12", "HEAD") or "unknown"
    changed = " with changes" if output_of("git", "status", "--porcelain", "--untracked-files=no") else ""
    memory_gib = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)")) / 1024 ** 2
    processor = first_match("/proc/cpuinfo", r"^model name\s*:\s*(.*)")
    distribution = first_match("/etc/os-release", r'^PRETTY_NAME="?([^"\n]*)')
    versions = [("liburing", output_of("pkg-config", "--modversion", "liburing")),
                ("libwebsockets", output_of("pkg-config", "--modversion", "libwebsockets").rstrip("-")),
                ("Node.js", output_of("node", "--version").lstrip("v")),
                ("ws", output_of("node", "-p", "require('./web/node_modules/ws/package.json').version"))]
    return [
        f"- machine: {processor}, {os.cpu_count()} cores, {memory_gib:.0f} GiB",
        f"- kernel: Linux {os.uname().release}, {distribution}",
        f"- commit: {commit}{changed}, {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}",
        "- versions: " + ", ".join(f"{name} {version}" for name, version in versions if version),
    ]


def significant(value: float) -> str:
    """Three digits that count."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def median_of(runs, key) -> float:
    return statistics.median(key(run) for run in runs)


def cpu_us(run) -> float:
    return run["server_cpu_ns"] / 1000 / max(1, run[run["counted"]])


def ratio(results, server: str, reference: str):
    """Median of the ratios inside a round: the machine may change its speed between rounds."""
    others = {run["round"]: run for run in results.get(reference, [])}
    ratios = [cpu_us(run) / cpu_us(others[run["round"]]) for run in results[server] if run["round"] in others
              and cpu_us(others[run["round"]]) > 0]
    return statistics.median(ratios) if ratios else None


def ratio_text(results, server: str, reference: str) -> str:
    value = ratio(results, server, reference)
    return "–" if value is None else f"{value:.2f}"


def markdown_table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(["---"] + ["---:"] * (len(head) - 1)) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def by_connection(run, what: str) -> float:
    return (run[what] - run["rss_before"]) / run["connections"]


TITLES_OF_REFERENCES = {"raw-epoll": "× bare epoll", "tcp": "× bare TCP"}
PLURALS = {"message": "messages", "delivery": "deliveries", "connection": "connections"}


def columns_of(scenario):
    """(title, text of a server's runs) for each column behind the name."""
    share = lambda run, who: 100 * run[f"{who}_cpu_ns"] / 1e9 / run["seconds"]
    all_columns = [(f"{PLURALS[scenario.unit]}/s", lambda runs: f"{median_of(runs, lambda r: r['per_second']):,.0f}")]
    if scenario.references:
        all_columns.append((f"server CPU, µs/{scenario.unit} (min–max)", lambda runs: (
            f"**{significant(median_of(runs, cpu_us))}** "
            f"({significant(min(map(cpu_us, runs)))}–{significant(max(map(cpu_us, runs)))})")))
    for reference in scenario.references:
        all_columns.append((TITLES_OF_REFERENCES[reference], reference))
    if scenario.load[:1] in (("echo",), ("broadcast",)):
        for name, key in [("p50, µs", "p50_us"), ("p99, µs", "p99_us")]:
            all_columns.append((name, lambda runs, key=key: f"{median_of(runs, lambda r: r[key]):,.0f}"))
    if scenario.references:
        all_columns.append(("server / client, % of a core", lambda runs: (
            f"{median_of(runs, lambda r: share(r, 'server')):.0f} / "
            f"{median_of(runs, lambda r: share(r, 'client')):.0f}")))
    if not scenario.is_timed:
        for name, what in [("idle, bytes/connection", "rss_idle"), ("after an echo each", "rss_asked")]:
            all_columns.append((name, lambda runs, what=what: (
                f"{median_of(runs, lambda r: by_connection(r, what)):,.0f}")))
    all_columns.append(("peak, MiB", lambda runs: f"{median_of(runs, lambda r: r['peak']) / 1024 ** 2:.1f}"))
    return all_columns


def title_of(scenario, idle: int) -> str:
    return scenario.title.replace("{idle}", f"{idle:,}")


def scenario_lines(scenario, idle, results, notes, titles):
    """results: runs by server; notes: why a server has none."""
    lines = [f"### {title_of(scenario, idle)}", ""]
    rows = []
    columns = columns_of(scenario)
    for server, runs in results.items():
        cells = [ratio_text(results, server, text) if isinstance(text, str) else text(runs) for _, text in columns]
        plain = " (uncompressed)" if server in scenario.plain and scenario.mode == "deflate" else ""
        rows.append([titles[server] + plain, *cells])
    if rows:
        lines += markdown_table(["server", *(name for name, _ in columns)], rows) + [""]
    lines += [f"{titles[server]}: not measured, {note}." for server, note in notes.items()]
    return lines + ([""] if notes else [])


def summary_lines(all_results, idle, titles):
    """all_results: (scenario, results) in order."""
    servers = [server for server in titles if any(server in results for _, results in all_results)]
    rows = []
    for scenario, results in all_results:
        if not scenario.references:
            continue
        row = [title_of(scenario, idle)]
        for server in servers:
            if server in results:
                row.append(f"{significant(median_of(results[server], cpu_us))} "
                           f"({ratio_text(results, server, 'raw-epoll')})")
            else:
                row.append("–")
        rows.append(row)
    head = ["server CPU in µs (× bare epoll)", *(titles[server] for server in servers)]
    return markdown_table(head, rows) + [""] if rows else []


def write_section(name: str, lines) -> None:
    """Puts a section into bench/RESULTS.md in place of the one of that name; others stay."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = "\n".join([begin, *lines, end])
    text = RESULTS.read_text() if RESULTS.exists() else HEAD
    before, found, rest = text.partition(begin)
    if found:
        text = before + section + rest.partition(end)[2]
    else:
        text = f"{text.rstrip()}\n\n{section}\n"
    RESULTS.write_text(text)
