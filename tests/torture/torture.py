#!/usr/bin/env python3
"""The replay while the server is killed with kill -9 at random moments and started again.

    torture.py --build build/test [--kills 20] [--seconds-between MAX] [--seed N] [--at-once N]

Afterwards every acknowledged message is in the store, once, in order, unchanged, numbers have no
gaps, and every client shows exactly that. The seed decides the moments of the kills and is printed.
Speaks TAP.
"""
import argparse
import pathlib
import random
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from desk import DeskError, fresh_desk  # noqa: E402
import dialogues as dialogue_files  # noqa: E402
from transcript import compare  # noqa: E402

AGENTS = 3
ALIVE_MIN_S = 0.1  # between a start and the next kill
DOWN_MAX_S = 0.15
FINISH_LIMIT_S = 90
SHOWN_PROBLEMS = 20


class Torture:
    def __init__(self, options) -> None:
        self.options = options
        self.random = random.Random(options.seed)
        self.failed = 0
        self.tests = 0

    def test(self, name: str, problems) -> None:
        self.tests += 1
        self.failed += bool(problems)
        print(f"{'not ok' if problems else 'ok'} {self.tests} - {name}")
        for problem in list(problems)[:SHOWN_PROBLEMS]:
            print("\n".join(f"# {line}" for line in str(problem).splitlines()), flush=True)

    def kill_often(self, desk, replay) -> int:
        """Until the kills are done, or the replay has ended by mistake."""
        kills = 0
        while kills < self.options.kills and replay.poll() is None:
            time.sleep(self.random.uniform(ALIVE_MIN_S, self.options.seconds_between))
            if not desk.is_running():
                return kills  # It ended by itself: the next start shows it in the log.
            desk.kill()
            kills += 1
            time.sleep(self.random.uniform(0, DOWN_MAX_S))
            desk.options["io"] = "epoll" if kills % 2 else "auto"
            desk.start()
        return kills

    def run(self) -> int:
        options = self.options
        texts, source = dialogue_files.load(options.data)
        print(f"# seed {options.seed}; dialogues: {source}", flush=True)
        with fresh_desk(options.build, {"presence-grace-ms": 1000}) as desk:
            cookies = [desk.add_agent(i) for i in range(AGENTS)]
            (desk.folder / "cookies").write_text("\n".join(cookies) + "\n")
            dialogue_files.write_binary(texts, desk.folder / "dialogues")
            replay = subprocess.Popen(
                [ROOT / options.build / "bench" / "replay" / "replay",
                 "--server", f"127.0.0.1:{desk.port}", "--dialogues", desk.folder / "dialogues",
                 "--cookies", desk.folder / "cookies", "--transcript", desk.folder / "transcript",
                 "--conversations", "200000", "--at-once", str(options.at_once),
                 "--rate", str(options.rate)],
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                kills = self.kill_often(desk, replay)
                replay.send_signal(signal.SIGINT)  # No further turn; what is under way comes to its end.
                out, err = replay.communicate(timeout=FINISH_LIMIT_S)
            except subprocess.TimeoutExpired:
                replay.kill()
                out, err = replay.communicate()
                err += f"\nthe replay did not come to its end within {FINISH_LIMIT_S} s"
            finally:
                if replay.poll() is None:
                    replay.kill()
            result = dict(line.split() for line in out.splitlines())
            status = desk.stop()
            transcript = desk.folder / "transcript"
            stored = compare(transcript, texts, desk.data / "deskbell.db") if transcript.exists() else ["no transcript"]
            log = desk.read_log()
        figures = ", ".join(f"{name} {result.get(name, '?')}" for name in
                            ("acked", "played", "repeated", "lost", "catch_ups"))
        print(f"# {kills} kills; {figures}", flush=True)
        self.test(f"the server is killed {options.kills} times while dialogues run",
                  [f"only {kills} times\n{log}"] if kills < options.kills else [])
        self.test("clients connect again, resume and see everything once, in order and unchanged",
                  [err.strip() or f"exit status {replay.returncode}"] if replay.returncode != 0 else [])
        self.test("clients really lost connections and repeated messages",
                  [] if int(result.get("repeated", 0)) > 0 and int(result.get("lost", 0)) > 0 else [figures])
        self.test("what was acknowledged is in the store, and every client shows exactly that", stored)
        self.test("after all that the server still stops cleanly", [f"status {status}\n{log}"] if status != 0 else [])
        print(f"1..{self.tests}", flush=True)
        return 1 if self.failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description="Kills the server while dialogues run.")
    parser.add_argument("--build", default="build/test")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds-between", type=float, default=1.4, help="at most, from a start to the next kill")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--at-once", type=int, default=100)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--data", nargs="+", metavar="FILE")
    options = parser.parse_args()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    try:
        return Torture(options).run()
    except DeskError as error:
        print(f"Bail out! {error}")
        return 1


sys.exit(main())
