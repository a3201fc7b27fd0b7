#!/usr/bin/env python3
"""One million: as many idle WebSocket connections to libbell as this machine can hold.

    bench/ws/million.py [--build build/release] [--connections N] [--io uring|epoll] [--hold S] [--write]

Both ends are on this machine, on loopback addresses of 127.0.0.0/8, so that the kernel holds each
connection twice. Heartbeats are on: the server asks every 30 s, the client answers. Printed are the
memory per connection, of the server, of the client and of the kernel, and the time of a broadcast
of 64 bytes to all. Where a process may not open so many files (ulimit -n, sysctl fs.nr_open),
several servers share them, each with a client of its own.
"""
import argparse
import contextlib
import json
import pathlib
import resource
import statistics
import subprocess
import sys
import time

import report
from servers import kinds, ROOT, running, ServerError

MOST = 1_000_000
# What a connection takes of this machine, both ends: for the default of --connections.
BYTES_EACH = 14 * 1024
SHARE_OF_MEMORY = 0.85
SPARE_FILES = 200
AT_ONCE = 256
SHOWN_CACHES = 8
BROADCASTS = 3


def meminfo():
    lines = (line.split() for line in pathlib.Path("/proc/meminfo").read_text().splitlines())
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) > 1}


def kernel_bytes(memory) -> int:
    """What the kernel holds for itself. Idle sockets have no other pages."""
    return sum(memory[name] for name in ("Slab", "VmallocUsed", "KernelStack", "PageTables", "Percpu"))


def slabs():
    """Bytes by cache of the kernel; empty when only root may know."""
    try:
        lines = pathlib.Path("/proc/slabinfo").read_text().splitlines()[2:]
    except PermissionError:
        return {}
    page = resource.getpagesize()
    found = {}
    for line in lines:
        words = line.split()
        pages_each, slab_count = int(words[5]), int(words[-2])
        found[words[0]] = pages_each * slab_count * page
    return found


def raise_files(count: int) -> int:
    """The limit of open files that now holds, for us and for what we start."""
    most = int(pathlib.Path("/proc/sys/fs/nr_open").read_text())
    for limit in (min(most, count + SPARE_FILES), resource.getrlimit(resource.RLIMIT_NOFILE)[1]):
        try:
            hard = max(limit, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            break
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Client:
    def __init__(self, program, port: int, connections: int) -> None:
        self.child = subprocess.Popen([program, str(port), str(connections), str(AT_ONCE)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, text=True)

    def event(self):
        line = self.child.stdout.readline()
        if not line:
            raise ServerError(f"the client ended with status {self.child.wait()}")
        return json.loads(line)

    def say(self, command: str) -> None:
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()

    def rss_bytes(self) -> int:
        for line in pathlib.Path(f"/proc/{self.child.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                return int(line.split()[1]) * 1024
        return 0

    def stop(self) -> None:
        self.child.kill()
        self.child.wait()


class Pair:
    """A server and the client that fills it."""

    def __init__(self, stack, kind, program, connections: int) -> None:
        self.server = stack.enter_context(running(kind, "relay"))
        self.rss_before = self.server.rss_bytes()
        self.client = Client(program, self.server.port, connections)
        stack.callback(self.client.stop)
        self.opened = self.client.event()

    def rss_bytes(self) -> int:
        """Of the server, what its connections take."""
        return self.server.rss_bytes() - self.rss_before


def broadcast(pairs):
    """To all at the same time: what came, and the seconds until the last had it."""
    begin = time.monotonic()
    for pair in pairs:
        pair.client.say("broadcast")
    events = [pair.client.event() for pair in pairs]
    return {"deliveries": sum(event["deliveries"] for event in events), "lost": sum(event["lost"] for event in events),
            "pings": sum(event["pings"] for event in events), "seconds": time.monotonic() - begin}


def measure(options, kind):
    before, slabs_before = meminfo(), slabs()
    with contextlib.ExitStack() as stack:
        pairs = []
        left = options.connections
        begin = time.monotonic()
        while left > 0:
            pair = Pair(stack, kind, options.client, min(left, options.most_each))
            pairs.append(pair)
            left -= options.most_each
            count = sum(pair.opened["connections"] for pair in pairs)
            print(f"{kind.title}: {count:,} open", file=sys.stderr, flush=True)
            if pair.opened["connections"] < 2:
                raise ServerError("no connection could be opened")
        seconds = time.monotonic() - begin
        time.sleep(options.hold)
        after, slabs_after = meminfo(), slabs()
        rss = sum(pair.rss_bytes() for pair in pairs)
        rss_client = sum(pair.client.rss_bytes() for pair in pairs)
        broadcasts = [broadcast(pairs) for _ in range(BROADCASTS)]
        rss_end = sum(pair.rss_bytes() for pair in pairs)
    kernel = kernel_bytes(after) - kernel_bytes(before)
    grown = {name: size - slabs_before.get(name, 0) for name, size in slabs_after.items()}
    return {
        "count": count, "servers": len(pairs), "seconds": seconds, "broadcasts": broadcasts, "server": rss / count,
        "server_end": rss_end / count, "client": rss_client / count,
        "kernel": kernel / count, "all": (kernel + rss + rss_client) / count,
        "lost": sum(pair.opened["lost"] for pair in pairs),
        "slabs": sorted(((size / count, name) for name, size in grown.items()), reverse=True)[:SHOWN_CACHES],
    }


def lines_of(options, kind, found):
    rows = [
        ["server, user space", f"{found['server']:,.0f} B"],
        ["server, user space, after the broadcasts", f"{found['server_end']:,.0f} B"],
        ["client, user space", f"{found['client']:,.0f} B"],
        ["kernel, both ends", f"{found['kernel']:,.0f} B"],
        ["all", f"{found['all']:,.0f} B"],
    ]
    last = found["broadcasts"][-1]
    seconds = statistics.median(broadcast["seconds"] for broadcast in found["broadcasts"])
    lines = [
        f"## {found['count']:,} idle connections, {kind.title}", "", *report.machine(),
        f"- {found['servers']} server process{'es' if found['servers'] > 1 else ''} of one thread"
        f"{' (a process may not open more files here)' if found['servers'] > 1 else ''}, both ends on this machine",
        f"- opened in {found['seconds']:.1f} s ({found['count'] / found['seconds']:,.0f} a second), "
        f"{AT_ONCE} at a time",
        f"- held for {options.hold:g} s; {last['pings']:,} Pings answered so far, {last['lost']} connections lost",
        f"- a broadcast of 64 B to all: {seconds:.2f} s (median of {BROADCASTS}), "
        f"{(found['count'] - found['servers']) / seconds:,.0f} deliveries a second", "",
        *report.markdown_table(["memory per connection", "bytes"], rows), "",
    ]
    if found["slabs"]:
        caches = ", ".join(f"{name} {size:,.0f}" for size, name in found["slabs"] if size >= 1)
        lines += [f"Caches of the kernel that grew most, bytes per connection, both ends: {caches}.", ""]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Opens as many idle WebSocket connections as memory allows.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--connections", type=int, help="by default what memory allows, at most 1,000,000")
    parser.add_argument("--io", choices=["uring", "epoll"], help="back end of libbell; by default both, one by one")
    parser.add_argument("--hold", type=float, default=60, help="seconds of rest before memory is measured")
    parser.add_argument("--write", action="store_true", help="also into bench/RESULTS.md")
    options = parser.parse_args()
    build = pathlib.Path(ROOT / options.build).resolve()
    options.client = build / "bench" / "ws" / "million"
    if not options.client.exists():
        print("million: the client was not built (it needs zlib)", file=sys.stderr)
        return 1
    if options.connections is None:
        options.connections = min(MOST, int(meminfo()["MemAvailable"] * SHARE_OF_MEMORY / BYTES_EACH))
    files = raise_files(options.connections)
    options.most_each = min(options.connections, files - SPARE_FILES)
    status = 0
    for back_end in [options.io] if options.io else ["epoll", "uring"]:
        kind = kinds(build)[f"bell-{back_end}"]
        try:
            found = measure(options, kind)
        except ServerError as why:
            print(f"million: {kind.title}: {why}", file=sys.stderr)
            status = 1
            continue
        lines = lines_of(options, kind, found)
        print("\n".join(lines), flush=True)
        if options.write:
            report.write_section(f"million {back_end}", lines)
        due = found["count"] - found["servers"]
        for number, came in enumerate(found["broadcasts"], 1):
            if came["deliveries"] != due or came["lost"]:
                print(f"million: {kind.title}: broadcast {number}: {came['deliveries']:,} of {due:,} came in "
                      f"{came['seconds']:.2f} s, {came['lost']} connections lost", file=sys.stderr)
                status = 1
        if found["lost"]:
            print(f"million: {kind.title}: {found['lost']} connections lost while opening", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
