"""Idle TLS connections: memory only, so that a client in Python will do."""
import base64
import os
import resource
import shutil
import socket
import ssl
import subprocess
import time

from servers import Missing, running

REST_S = 0.5
PER_ADDRESS = 16000
IP_BIND_ADDRESS_NO_PORT = 24


def make_certificate(folder):
    """(certificate, key) for 127.0.0.1, as files in folder."""
    if shutil.which("openssl") is None:
        raise Missing("openssl, which makes the certificate, is not there")
    certificate, key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def connect(port: int, number: int, context):
    plain = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    plain.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
    plain.bind((f"127.0.0.{1 + number // PER_ADDRESS}", 0))
    plain.connect(("127.0.0.1", port))
    wrapped = context.wrap_socket(plain)
    key = base64.b64encode(os.urandom(16)).decode()
    wrapped.sendall(("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
    answer = wrapped.recv(4096)
    if not answer.startswith(b"HTTP/1.1 101"):
        raise RuntimeError(f"not upgraded: {answer[:100]!r}")
    return wrapped


def measure(kind, cores, count: int, folder):
    """As the load client's `open` does it, without processor time."""
    certificate, key = make_certificate(folder)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with running(kind, "echo", cores[0], ["--tls-cert", certificate, "--tls-key", key]) as server:
        before = server.rss_bytes()
        connections = []
        try:
            begin = time.monotonic()
            for number in range(count):
                connections.append(connect(server.port, number, context))
            seconds = time.monotonic() - begin
            time.sleep(REST_S)
            idle = server.rss_bytes()
        finally:
            for connection in connections:
                connection.close()
        return {"rss_before": before, "rss_idle": idle, "rss_asked": idle, "connections": count, "seconds": seconds,
                "per_second": count / seconds, "server_cpu_ns": 0, "client_cpu_ns": 0, "peak": server.peak_bytes()}
