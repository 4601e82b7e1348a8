#!/usr/bin/env python3
"""Real Bazel with its default patience builds on while the server under it ends and starts again.

In the midst of every build, at an action chosen by the seed, the server is killed or asked to end, and started
anew on the same port and data. Every build has to be green, to have been served before and after, and to have
run or found each of its actions. Bazel repeats a call for some 3.1 seconds; nothing is done to make that longer.
A Bazel that only caches goes on without a cache it cannot reach; that counts as a failure, too.

    restarts_test.py [--restarts 4] [--seed N]
"""

import argparse
import collections
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import bazel_workspace
from bazel_calls import calls_in
from kiln_process import Heard, Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
LIBRARIES = 10
BUILD_SECONDS = 600
# gRPC looks for a server that was away after 0.8 to 1.2 s, and then after 1.3 to 1.9 more. One that is back for the
# first time is found by every call; for the second, calls that were begun early have few tries left. A machine that
# is too busy to start a server in time may cost a cache an entry, but no build its end.
SURELY_FOUND_SECONDS = 0.7
ENDINGS = ("kill", "drain")
EXECUTE = ["--spawn_strategy=remote", "--genrule_strategy=remote", "--strategy=CppCompile=remote"]
CACHE = ["--spawn_strategy=standalone"]

# What is built how: the flag that names the server, what goes with it, and which counts of Bazel's add up to all
# actions. Reading comes after filling, and finds in the cache whatever went in beside a restart.
Way = collections.namedtuple("Way", "name server flags counts fresh")
WAYS = (Way("execution", "--remote_executor", EXECUTE, ("remote", "remote cache hit"), True),
        Way("filling the cache", "--remote_cache", CACHE, ("local",), True),
        Way("reading the cache", "--remote_cache", CACHE, ("remote cache hit",), False))

# What Bazel said, how many actions it ran or found, whether it did without the cache for once, and its calls.
Build = collections.namedtuple("Build", "said counts missed calls")

Restart = collections.namedtuple("Restart", "ending left back start_ms")  # times since 1970; of the start alone


class Failed(Exception):
    """A build was not as it should be."""


class Server:
    """A kiln that comes back under its address."""

    def __init__(self, folder):
        self._address = f"127.0.0.1:{free_port()}"
        self._data = folder / "data"
        self._lives = []
        self.start()

    def start(self):
        kiln = Kiln(BINARY, ["serve", "--data", self._data, "--listen", self._address, "--capacity", "8GiB"])
        self._lives.append(kiln)
        kiln.start()

    @property
    def address(self):
        return self._address

    def restart(self, ending):
        left = time.time()
        if ending == "kill":
            self._lives[-1].kill()
        elif (code := self._lives[-1].stop()) != 0:
            raise Failed(f"the server ended with {code} when it was asked to")
        begun = time.monotonic()
        self.start()
        return Restart(ending, left, time.time(), (time.monotonic() - begun) * 1e3)

    def log(self):
        """What its last two lives said."""
        return "\n--- a new life ---\n".join(life.log[-8000:] for life in self._lives[-2:])

    def close(self):
        if self._lives[-1].running():
            self._lives[-1].kill()


class Client:
    """A Bazel that builds the same workspace again and again, each time with other contents."""

    def __init__(self, folder):
        self._root = folder / "workspace"
        self._base = folder / "base"
        self._calls = folder / "calls"
        bazel_workspace.generate(self._root, libraries=LIBRARIES)

    def build(self, way, address, salt, step=lambda number: None):
        """Builds, calling `step` with each action's number, from 1, as it begins."""
        if way.fresh:
            bazel_workspace.write_sources(self._root, salt, LIBRARIES)
        else:
            self._run("clean")
        command = self._command("test", "//...", "--color=no", "--curses=no", "--noshow_progress", "--jobs=8", "-s",
                                f"--experimental_remote_grpc_log={self._calls}", f"{way.server}=grpc://{address}",
                                *way.flags, *bazel_workspace.flags(self._root))
        bazel = subprocess.Popen(command, cwd=self._root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, errors="replace")
        said = Heard(bazel.stderr)
        deadline = time.monotonic() + BUILD_SECONDS
        number = 0
        try:
            while said.wait_for(lambda text: text.count("\nSUBCOMMAND:") > number, deadline - time.monotonic()):
                number += 1
                step(number)
            code = bazel.wait(max(0, deadline - time.monotonic()))
        finally:
            bazel.kill()
        said.join()
        text = without_commands(said.text)[-8000:]
        if code != 0:
            raise Failed(f"bazel ended with {code} and said:\n{text}")
        line = re.findall(r"INFO: \d+ process(?:es)?: (.*)\.", said.text)
        counts = {words: int(n) for n, words in re.findall(r"(\d+) ([^,]+)", line[-1] if line else "")}
        counts.pop("internal", None)
        return Build(text, counts, "Remote Cache:" in said.text, calls_in(self._calls))

    def _command(self, *words):
        return ["bazel", "--max_idle_secs=60", f"--output_base={self._base}", *words]

    def _run(self, *words):
        subprocess.run(self._command(*words), cwd=self._root, capture_output=True, check=True, timeout=BUILD_SECONDS)

    def close(self):
        subprocess.run(self._command("shutdown"), cwd=self._root, capture_output=True, check=False)
        subprocess.run(["chmod", "-R", "u+w", str(self._base)], capture_output=True, check=False)


def free_port():
    """One that the system gives to nobody who calls out. A client that calls a port while its server is away might
    else be given that very port, and talk to itself."""
    first_given = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in random.sample(range(1024, first_given), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError(f"no port below {first_given} is free")


def without_commands(text):
    """What Bazel said but for the commands of its actions."""
    return re.sub(r"^SUBCOMMAND:.*?(?=^\S*(?:INFO|WARNING|ERROR|FAILED|SUBCOMMAND|Target|//))", "", text,
                  flags=re.MULTILINE | re.DOTALL)


def ordeal(client, server, way, ending, salt, actions, at, gaps):
    """One build with one restart as its action number `at` begins. `gaps`: an earlier one left some in the cache."""
    restarts = []
    build = client.build(way, server.address, salt,
                         lambda number: restarts.append(server.restart(ending)) if number == at else None)
    if not restarts:
        raise Failed(f"the build was over before its action {at}:\n{build.said}")
    restart = restarts[0]
    before = sum(call.code == 0 and call.ended < restart.left for call in build.calls)
    after = sum(call.code == 0 and call.started > restart.back for call in build.calls)
    if not before or not after:
        raise Failed(f"the restart was not within the build: {before} calls before it, {after} behind it")
    if build.missed and restart.back - restart.left < SURELY_FOUND_SECONDS:
        raise Failed(f"the cache was not found again, although it was away for {restart}:\n{build.said}")
    expected = way.counts + (("local",) if build.missed or gaps else ())
    if sum(build.counts.values()) != actions or not set(build.counts) <= set(expected):
        raise Failed(f"not {actions} times {' or '.join(expected)} but {build.counts}:\n{build.said}")
    return restart, build


def middle_and_worst(values):
    values = sorted(values)
    return f"{values[len(values) // 2]:.0f} ms (median), {values[-1]:.0f} ms (worst)" if values else "none"


def run(options, folder):
    chance = random.Random(options.seed)
    server, client = Server(folder), Client(folder)
    restarts, codes, misses, gaps = [], collections.Counter(), 0, False
    try:
        actions = sum(client.build(WAYS[0], server.address, "undisturbed").counts.values())
        for i in range(options.restarts):
            way, ending = WAYS[i % 3], ENDINGS[(i % 3 + i // 3) % 2]
            at = chance.randint(actions // 8, actions * 3 // 4)
            restart, build = ordeal(client, server, way, ending, f"{options.seed}-{i - i % 3 // 2}", actions, at, gaps)
            gaps = build.missed
            restarts.append(restart)
            misses += build.missed
            seen = collections.Counter(call.code for call in build.calls if call.code)
            codes += seen
            print(f"{i + 1}: {way.name}, {ending} at action {at} of {actions}: away for "
                  f"{(restart.back - restart.left) * 1e3:.0f} ms; codes {dict(seen)}", flush=True)
    except Failed as fault:
        print(f"build {len(restarts) + 1} of seed {options.seed}: {fault}\n--- the server ---\n{server.log()}")
    finally:
        client.close()
        server.close()
    print(f"{len(restarts)} restarts in {len(restarts)} green builds of {options.restarts}; "
          f"start to serving {middle_and_worst([r.start_ms for r in restarts])}")
    for ending in ENDINGS:
        away = [(r.back - r.left) * 1e3 for r in restarts if r.ending == ending]
        print(f"away after {ending}: {middle_and_worst(away)}")
    print(f"builds that did without the cache for once: {misses}; codes that calls ended with: {dict(codes)}")
    return 0 if len(restarts) == options.restarts else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--restarts", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-restarts-"))
    try:
        return run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
