#!/usr/bin/env python3
"""Real Bazel with its default patience builds on while the server under it ends and starts again.

In the midst of every build, at an action chosen by the seed, the server is killed or asked to end, and started
anew on the same port and data. Every build has to be green, to have been served before and after, and to have
run or found each of its actions. Bazel repeats a call for some 3.1 seconds; nothing is done to make that longer.
A Bazel that only caches goes on without a cache it cannot reach; that counts as a failure, too.

    restarts_test.py [--restarts 4] [--seed N]
"""

import collections
import random
import sys
import time

from bazel_builds import WAYS, Client, Failed, disturbed, require
from free_port import free_port
from kiln_process import Kiln
from seeded_run import BINARY, seeded_run

# gRPC looks for a server that was away after 0.8 to 1.2 s, and then after 1.3 to 1.9 more. One that is back for the
# first time is found by every call; for the second, calls that were begun early have few tries left. A machine that
# is too busy to start a server in time may cost a cache an entry, but no build its end.
SURELY_FOUND_SECONDS = 0.7
ENDINGS = ("kill", "drain")

Restart = collections.namedtuple("Restart", "ending left back start_ms")  # times since 1970; of the start alone


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


def ordeal(client, server, way, ending, salt, actions, at, gaps):
    """One build with one restart as its action number `at` begins. `gaps`: an earlier one left some in the cache."""
    restart, build = disturbed(client, way, server.address, salt, at, lambda: server.restart(ending))
    if build.missed and restart.back - restart.left < SURELY_FOUND_SECONDS:
        raise Failed(f"the cache was not found again, although it was away for {restart}:\n{build.said}")
    require(build, actions, way.counts + (("local",) if build.missed or gaps else ()))
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


if __name__ == "__main__":
    sys.exit(seeded_run(__doc__, run, ("--restarts", 4)))
