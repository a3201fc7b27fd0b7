"""The servers that are measured, and what can be learned of a running one from outside."""
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
READY_LIMIT_S = 20
STOP_LIMIT_S = 10

# How the program is told what is wanted of it.
MODES = {"echo": [], "relay": ["--relay"], "deflate": ["--deflate"], "tcp": ["--tcp"]}


class ServerError(Exception):
    """It could not be started, or did not run as asked."""


class Missing(ServerError):
    """It is not there, or cannot do what is wanted: no reason to fail."""


class Kind:
    """A server program as it is to be measured. modes: which of MODES it can do. before: what starts it."""

    def __init__(self, name, title, command, modes, environment=None, back_end=None) -> None:
        self.name = name
        self.title = title
        self.command = command
        self.before = []
        self.modes = modes
        self.environment = environment or {}
        self.back_end = back_end

    @property
    def has_tls(self) -> bool:
        return self.name.startswith("bell")


def kinds(build: pathlib.Path):
    programs = build / "bench"
    port = ["--port", "0"]
    raw_epoll = [programs / "ws" / "raw-epoll", *port]
    raw_uring = [programs / "ws" / "raw-uring", *port]
    bell = [programs / "echo-server", "--listen", "127.0.0.1:0", "--threads", "1"]
    bell_modes = {"echo", "relay", "deflate"}
    return {kind.name: kind for kind in [
        Kind("tcp", "bare TCP, epoll", raw_epoll, {"tcp"}),
        Kind("raw-epoll", "bare WebSocket, epoll", raw_epoll, {"echo", "relay"}),
        Kind("raw-uring", "bare WebSocket, io_uring", raw_uring, {"echo", "relay"}, back_end="uring"),
        Kind("bell-epoll", "libbell, epoll", bell, bell_modes, {"BELL_IO": "epoll"}, "epoll"),
        Kind("bell-uring", "libbell, io_uring", bell, bell_modes, {"BELL_IO": "uring"}, "uring"),
        Kind("bell-uring-old", "libbell, io_uring as before Linux 6.12", bell, bell_modes,
             {"BELL_IO": "uring", "BELL_URING_WITHOUT": "incremental"}, "uring"),
        Kind("lws", "libwebsockets", [programs / "ws" / "peer-lws", *port], {"echo", "relay", "deflate"}),
        Kind("ws", "ws on Node.js", ["node", ROOT / "bench" / "ws" / "peer_ws.mjs", *port],
             {"echo", "relay", "deflate"}),
    ]}


def check_there(kind: Kind) -> None:
    program = kind.command[0]
    if shutil.which(program) is None:
        hint = " (it needs libwebsockets-dev when the build folder is set up)" if kind.name == "lws" else ""
        raise Missing(f"{pathlib.Path(program).name} is not there{hint}")
    if kind.name == "ws" and not (ROOT / "web" / "node_modules" / "ws").exists():
        raise Missing("the npm package ws is not there (make test installs it)")


class Running:
    """A server on one core, or on any when core is None."""

    def __init__(self, kind: Kind, mode: str, core=None, arguments=()) -> None:
        if mode not in kind.modes:
            raise Missing(f"does not know {mode}")
        check_there(kind)
        pinned = [] if core is None else ["taskset", "-c", str(core)]
        self.log = tempfile.TemporaryFile("w+")
        self.child = subprocess.Popen(
            [*pinned, *kind.before, *kind.command, *MODES[mode], *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, text=True, env={**os.environ, **kind.environment})
        try:
            self.port = self.wait_for_port()
            self.check_back_end(kind.back_end)
        except BaseException:
            self.stop()
            raise

    def wait_for_port(self) -> int:
        timer = threading.Timer(READY_LIMIT_S, self.child.kill)
        timer.start()
        try:
            for line in self.child.stdout:
                ready = re.search(r"\bport=(\d+)", line)
                if ready:
                    return int(ready.group(1))
        finally:
            timer.cancel()
        status = self.child.wait()
        text = self.text()
        if "unknown option" in text or "bad option" in text or "io_uring: set-up" in text:
            raise Missing(text.splitlines()[0])
        raise ServerError(f"ended with status {status}: {text}")

    def check_back_end(self, wanted) -> None:
        """What a program says of itself and what it does may differ."""
        if wanted is None:
            return
        links = []
        for fd in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                links.append(os.readlink(fd))
        has_ring = any("io_uring" in link for link in links)
        if has_ring != (wanted == "uring"):
            raise Missing(f"does not run on {wanted}")

    def text(self) -> str:
        self.log.seek(0)
        return self.log.read()[-2000:].strip()

    @property
    def pid(self) -> int:
        return self.child.pid

    def peak_bytes(self) -> int:
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) * 1024

    def rss_bytes(self) -> int:
        """Exact, where the VmRSS of status is not."""
        rollup = pathlib.Path(f"/proc/{self.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Rss:\s+(\d+)", rollup, re.MULTILINE).group(1)) * 1024

    def stop(self) -> None:
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        self.child.stdout.close()
        self.log.close()


@contextlib.contextmanager
def running(kind: Kind, mode: str, core=None, arguments=()):
    server = Running(kind, mode, core, arguments)
    try:
        yield server
    finally:
        server.stop()
