"""What is played against each server; bench/README.md says what is counted."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    load: tuple  # arguments of bench/ws/load
    mode: str = "echo"  # of the server
    unit: str = "message"
    is_timed: bool = True  # takes --warm-up and --seconds
    is_tls: bool = False
    references: tuple = ("raw-epoll",)  # what ratios are given to
    plain: tuple = ()  # servers that get the same without compression or handshake


def echo(name: str, title: str, connections: int, size: int, depth: int = 1) -> Scenario:
    return Scenario(name, title, ("echo", "--connections", connections, "--size", size, "--depth", depth))


def broadcast(name: str, title: str, depth: int) -> Scenario:
    return Scenario(name, title, ("broadcast", "--connections", 1001, "--size", 64, "--depth", depth), "relay",
                    unit="delivery")


IDLE_CONNECTIONS = 10000

SCENARIOS = [
    echo("echo-1", "1 connection × 20 B, one in flight", 1, 20),
    echo("echo-100", "100 connections × 20 B, one in flight", 100, 20),
    echo("echo-1000", "1,000 connections × 20 B, one in flight", 1000, 20),
    echo("echo-100x16", "100 connections × 20 B, 16 in flight", 100, 20, 16),
    echo("echo-1k", "100 connections × 1 KiB, one in flight", 100, 1024),
    echo("echo-64k", "10 connections × 64 KiB, one in flight", 10, 65536),
    broadcast("broadcast", "broadcast of 64 B to 1,000, one in flight", 1),
    broadcast("broadcast-16", "broadcast of 64 B to 1,000, 16 in flight", 16),
    Scenario("open", "accept + upgrade of {idle} connections, then idle", ("open",),
             unit="connection", is_timed=False, references=("raw-epoll", "tcp"), plain=("tcp",)),
    Scenario("churn", "accept + upgrade + close, 64 at a time", ("churn", "--connections", 64),
             unit="connection", references=("raw-epoll", "tcp"), plain=("tcp",)),
    Scenario("deflate-1k", "100 connections × 1 KiB, permessage-deflate without context takeover",
             ("echo", "--connections", 100, "--size", 1024, "--deflate"), "deflate", plain=("raw-epoll",)),
    Scenario("idle-tls", "{idle} idle TLS connections", (), unit="connection", is_timed=False, is_tls=True,
             references=()),
]


def plan(scenario: Scenario, server: str):
    """(mode of the server, arguments of the load client)"""
    if server == "tcp":
        return "tcp", [*scenario.load, "--tcp"]
    if server in scenario.plain:
        return "echo", [argument for argument in scenario.load if argument != "--deflate"]
    return scenario.mode, list(scenario.load)


def is_meant(scenario: Scenario, kind) -> bool:
    """Is there anything to learn from this server?"""
    if kind.name == "tcp" or scenario.is_tls:
        return kind.name in scenario.plain or (scenario.is_tls and kind.has_tls)
    return plan(scenario, kind.name)[0] in kind.modes
