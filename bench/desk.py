"""A real deskbell on a free port in a folder of its own, as bench and torture use it, and what can be
measured of it from outside: processor time, memory, commits."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading

READY_LIMIT_S = 20
STOP_LIMIT_S = 20
HTTP_LIMIT_S = 20
PASSWORD = "a password of the bench"

# The limits against single noisy addresses are tested elsewhere; here everybody comes from one machine.
ROOMY = {
    "message-rate": 1000000, "message-burst": 1000000, "command-rate": 1000000, "command-burst": 1000000,
    "connections-per-address": 1000000, "conversations-per-address": 1000000, "login-attempts": 1000000,
}


class DeskError(Exception):
    pass


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("DESKBELL_")}


class Desk:
    """start() again after kill() goes on with the same data on the same port."""

    def __init__(self, build: pathlib.Path, folder: pathlib.Path, options=None) -> None:
        self.program = build / "src" / "cli" / "deskbell"
        if not self.program.exists():
            raise DeskError(f"{self.program} is not there: make build")
        self.folder = folder
        self.data = folder / "data"
        self.options = {**ROOMY, "log-level": "warn", **(options or {})}
        self.port = 0
        self.child = None
        self.log = open(folder / "server.log", "ab")

    def start(self) -> None:
        options = {"listen": f"127.0.0.1:{self.port}", "data": self.data, **self.options}
        self.child = subprocess.Popen(
            [self.program, "serve", *(f"--{name}={value}" for name, value in options.items())],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log, text=True,
            env=clean_environment())
        timer = threading.Timer(READY_LIMIT_S, self.child.kill)
        timer.start()
        try:
            for line in self.child.stdout:
                ready = re.match(r"deskbell ready port=(\d+)", line)
                if ready:
                    self.port = int(ready.group(1))
                    break
            else:
                raise DeskError(f"deskbell did not start:\n{self.read_log()}")
        finally:
            timer.cancel()
        # Nobody reads what follows; a full pipe must not stop the server.
        threading.Thread(target=self.child.stdout.read, daemon=True).start()

    def read_log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")[-4000:]

    @property
    def pid(self) -> int:
        return self.child.pid

    def is_running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def kill(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def stop(self) -> int:
        """Drains. The exit status."""
        if self.is_running():
            self.child.send_signal(signal.SIGTERM)
            try:
                self.child.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        return self.child.returncode if self.child else 0

    def close(self) -> None:
        if self.is_running():
            self.kill()
        self.log.close()

    def request(self, method: str, path: str, body=None):
        """(status, fields, text)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=HTTP_LIMIT_S)
        try:
            fields = {"Origin": f"http://127.0.0.1:{self.port}"}
            text = None
            if body is not None:
                text = json.dumps(body)
                fields["Content-Type"] = "application/json"
            connection.request(method, path, text, fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def add_agent(self, number: int) -> str:
        """Makes an agent on the command line; the Cookie field of a log-in."""
        email = f"agent{number}@desk.example"
        added = subprocess.run(
            [self.program, "agent", "add", "--data", self.data, "--email", email, "--name", f"Agent {number}",
             "--role", "owner" if number == 0 else "agent", "--password-stdin"],
            input=f"{PASSWORD}\n", text=True, capture_output=True, env=clean_environment())
        if added.returncode != 0:
            raise DeskError(f"agent add: {added.stderr}")
        status, fields, text = self.request("POST", "/api/login", {"email": email, "password": PASSWORD})
        cookie = next((c for c in fields.get_all("Set-Cookie") or [] if c.startswith("deskbell_session=")), None)
        if status != 200 or cookie is None:
            raise DeskError(f"log-in: {status} {text}")
        return cookie.split(";")[0]

    def cpu_ns(self) -> int:
        """Processor time of all threads, to the nanosecond where the kernel counts so."""
        total = 0
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with contextlib.suppress(OSError):
                text = pathlib.Path(f"/proc/{self.pid}/task/{task}/schedstat").read_text()
                total += int(text.split()[0])
        return total

    def rss_kib(self) -> int:
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1))

    def metrics(self):
        """The counters of /metrics by name; empty when there is no such page."""
        status, _, text = self.request("GET", "/metrics")
        found = {}
        for line in text.splitlines() if status == 200 else []:
            match = re.match(r"([A-Za-z_:][^\s{]*)(?:\{[^}]*\})?\s+([0-9.eE+-]+)$", line)
            if match:
                found[match.group(1)] = found.get(match.group(1), 0) + float(match.group(2))
        return found


@contextlib.contextmanager
def fresh_desk(build, options=None, keep=False):
    """A started server in a temporary folder, which is removed afterwards."""
    with contextlib.ExitStack() as stack:
        if keep:
            folder = tempfile.mkdtemp(prefix="deskbell-bench-")
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="deskbell-bench-"))
        desk = Desk(pathlib.Path(build).resolve(), pathlib.Path(folder), options)
        stack.callback(desk.close)
        desk.start()
        yield desk


def device_flushes(folder) -> int:
    """Flush requests that the disk under a folder has completed since boot, of everybody; -1 = unknown."""
    device = os.stat(folder).st_dev
    with contextlib.suppress(OSError, IndexError, ValueError):
        text = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat").read_text()
        return int(text.split()[15])
    return -1
