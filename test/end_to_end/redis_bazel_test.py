#!/usr/bin/env python3
"""Real Bazel over two servers that share one real Redis, which is killed and stopped in the midst of builds.

What one server's client has filled in, the other server's client finds. Then every build is green while the Redis
is killed and started anew on the same data, or stopped until the server has noticed: a cache that is away costs
time, and never a build.

    redis_bazel_test.py [--disturbances 4] [--seed N]
"""

import argparse
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from kiln_process import Heard, Kiln
from restarts_test import BINARY, WAYS, Client, Failed, Restart

PATIENCE_SECONDS = 60
FILLING, READING = WAYS[1:]
ENDINGS = ("kill", "stop")
GIVEN_UP = "redis does not answer"


class Redis:
    """A redis-server that keeps what it has acknowledged, and comes back on the same socket."""

    def __init__(self, folder):
        self._folder = folder / "redis"
        self._folder.mkdir()
        self._process = self._said = None
        self.start()

    @property
    def endpoint(self):
        return f"unix:{self._folder / 'socket'}"

    def start(self):
        self._process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self._folder / "socket"), "--dir", str(self._folder),
             "--appendonly", "yes", "--appendfsync", "always", "--save", "", "--daemonize", "no"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace")
        self._said = Heard(self._process.stdout)
        if not self._said.wait_for(lambda text: "ready to accept connections" in text.lower(), PATIENCE_SECONDS):
            raise Failed(f"redis-server does not start: {self._said.text}")

    def kill(self):
        self._process.kill()
        self._process.wait()
        self._said.join()

    def signal(self, number):
        self._process.send_signal(number)


def cache_over(redis, folder):
    """A kiln with the profile redis_cache, and a disk of its own."""
    kiln = Kiln(BINARY, ["serve", "--profile", "redis_cache", "--redis", redis.endpoint, "--data", folder,
                         "--listen", "127.0.0.1:0", "--capacity", "2GiB"])
    kiln.start()
    return kiln


def disturb(redis, cache, ending):
    """Kills the Redis, or stops it until the server has given it up, and brings it back."""
    left = time.time()
    if ending == "kill":
        redis.kill()
        redis.start()
    else:
        noticed = cache.log.count(GIVEN_UP)
        redis.signal(signal.SIGSTOP)
        try:
            cache.wait_for_log(GIVEN_UP, noticed + 1)
        finally:
            redis.signal(signal.SIGCONT)
    return Restart(ending, left, time.time(), 0)


def require(build, actions, counts):
    """All actions were run or found, and in no other way than these."""
    if sum(build.counts.values()) != actions or not set(build.counts) <= set(counts):
        raise Failed(f"not {actions} times {' or '.join(counts)} but {build.counts}:\n{build.said}")


def share(client, one, other):
    """What is filled in at one server is found at the other, all of it. Returns the number of actions."""
    filled = client.build(FILLING, one.address, "shared")
    actions = sum(filled.counts.values())
    require(filled, actions, FILLING.counts)
    require(client.build(READING, other.address, "shared"), actions, READING.counts)
    return actions


def ordeal(client, redis, cache, way, ending, salt, actions, at, gaps):
    """One build with one disturbance as its action number `at` begins. `gaps`: an earlier one left some."""
    seen = []
    build = client.build(way, cache.address, salt,
                         lambda number: seen.append(disturb(redis, cache, ending)) if number == at else None)
    if not seen:
        raise Failed(f"the build was over before its action {at}:\n{build.said}")
    before = sum(call.code == 0 and call.ended < seen[0].left for call in build.calls)
    after = sum(call.code == 0 and call.started > seen[0].back for call in build.calls)
    if not before or not after:
        raise Failed(f"{ending} was not within the build: {before} calls before it, {after} behind it")
    require(build, actions, way.counts + (("local",) if build.missed or gaps else ()))
    return build


def run(options, folder):
    chance = random.Random(options.seed)
    redis = Redis(folder)
    caches = [cache_over(redis, folder / name) for name in ("one", "other")]
    client, done, gaps = Client(folder), 0, False
    try:
        actions = share(client, *caches)
        for i in range(options.disturbances):
            way, ending = (FILLING, READING)[i % 2], ENDINGS[(i + i // 2) % 2]
            at = chance.randint(actions // 8, actions // 2)
            # The reader comes to the server that has not filled, so that it needs the Redis.
            build = ordeal(client, redis, caches[i % 2], way, ending, f"{options.seed}-{i // 2}", actions, at, gaps)
            gaps = build.missed and way is FILLING
            done += 1
            print(f"{done}: {way.name}, {ending} at action {at} of {actions}: {build.counts}"
                  f"{', warned' if build.missed else ''}", flush=True)
    except (Failed, RuntimeError) as fault:
        print(f"build {done + 1} of seed {options.seed}: {fault}")
        for cache in caches:
            print(f"--- a server ---\n{cache.log[-8000:]}")
    finally:
        client.close()
        for cache in caches:
            if cache.running():
                cache.kill()
        redis.kill()
    print(f"{done} green builds of {options.disturbances} with a Redis that was killed or stopped")
    return 0 if done == options.disturbances else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--disturbances", type=int, default=4)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-redis-"))
    try:
        return run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
