#!/usr/bin/env python3
"""What systemd is to a service with a socket: opens it, passes it on, hears of states.

    activator.py COMMAND…

Prints "port=N" of a listening socket on 127.0.0.1, then obeys the lines of standard input: "start"
starts the command with the socket as descriptor 3, "signal NAME" signals it. Prints "told TEXT" for
each state (JSON), "out TEXT" for each line of the command and "ended STATUS" for its end.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading

lock = threading.Lock()


def say(text):
    with lock:
        print(text, flush=True)


def hear(notify):
    while True:
        say("told " + json.dumps(notify.recv(4096).decode()))


def follow(child):
    for line in child.stdout:
        say("out " + line.decode().rstrip("\n"))
    say(f"ended {child.wait()}")


def start(listener, address):
    script = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web; export LISTEN_PID LISTEN_FDS ' \
             'LISTEN_FDNAMES; exec 3<&"$0" "$@"'
    number = listener.fileno()
    child = subprocess.Popen(["bash", "-c", script, str(number), *sys.argv[1:]], pass_fds=[number],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             env={**os.environ, "NOTIFY_SOCKET": address})
    threading.Thread(target=follow, args=[child], daemon=True).start()
    return child


def main():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    with tempfile.TemporaryDirectory() as folder:
        address = os.path.join(folder, "notify")
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(address)
        threading.Thread(target=hear, args=[notify], daemon=True).start()
        say(f"port={listener.getsockname()[1]}")
        child = None
        for line in sys.stdin:
            words = line.split()
            if words[0] == "start":
                child = start(listener, address)
            else:
                child.send_signal(getattr(signal, words[1]))
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()


main()
