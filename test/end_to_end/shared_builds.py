"""Real Bazel over servers that share one backend, which is killed or stopped in the midst of builds."""

import collections
import pathlib
import random
import signal
import time

from bazel_builds import WAYS, Client, Failed, disturbed, require
from kiln_process import Kiln
from seeded_run import BINARY

FILLING, READING = WAYS[1:]

# The name of a profile, with what else its servers are started with; what they log when the backend hangs, or nothing:
# then it is only killed.
Layout = collections.namedtuple("Layout", "profile words environment given_up")
Away = collections.namedtuple("Away", "ending left back")  # since 1970


def cache_over(layout, folder):
    """A kiln with a disk of its own."""
    kiln = Kiln(BINARY, ["serve", "--profile", layout.profile, *layout.words, "--data", folder, "--listen",
                         "127.0.0.1:0", "--capacity", "2GiB"], env=layout.environment)
    kiln.start()
    return kiln


def disturb(backend, layout, cache, ending):
    """Kills the backend, or stops it until the server has given it up, and brings it back."""
    left = time.time()
    if ending == "kill":
        backend.restart()
    else:
        noticed = cache.log.count(layout.given_up)
        backend.signal(signal.SIGSTOP)
        try:
            cache.wait_for_log(layout.given_up, noticed + 1)
        finally:
            backend.signal(signal.SIGCONT)
    return Away(ending, left, time.time())


def share(client, one, other):
    """What is filled in at one server, cold, is found at the other, warm, all of it. Returns the number of actions."""
    filled = client.build(FILLING, one.address, "shared")
    actions = sum(filled.counts.values())
    require(filled, actions, FILLING.counts)
    require(client.build(READING, other.address, "shared"), actions, READING.counts)
    return actions


def build_over(backend, layout, options, folder: pathlib.Path):
    """First cold and warm; then `options.disturbances` builds, each with the backend away for a while. Every build has
    to be green. Returns the exit code."""
    chance = random.Random(options.seed)
    backend.start()
    endings = ("kill", "stop") if layout.given_up else ("kill", "kill")
    client, caches, done, gaps = Client(folder), [], 0, False
    try:
        caches = [cache_over(layout, folder / name) for name in ("one", "other")]
        actions = share(client, *caches)
        for i in range(options.disturbances):
            way, ending = (FILLING, READING)[i % 2], endings[(i + i // 2) % 2]
            at = chance.randint(actions // 8, actions // 2)
            # The reader comes to the server that has not filled, so that it needs the backend.
            cache = caches[i % 2]
            away, build = disturbed(client, way, cache.address, f"{options.seed}-{i // 2}", at,
                                    lambda: disturb(backend, layout, cache, ending))
            require(build, actions, way.counts + (("local",) if build.missed or gaps else ()))
            gaps = build.missed and way is FILLING
            done += 1
            print(f"{done}: {way.name}, {ending} at action {at} of {actions}, away for {away.back - away.left:.1f} s: "
                  f"{build.counts}{', warned' if build.missed else ''}", flush=True)
    except (Failed, RuntimeError) as fault:
        print(f"build {done + 1} of seed {options.seed}: {fault}")
        for cache in caches:
            print(f"--- a server ---\n{cache.log[-8000:]}")
    finally:
        client.close()
        for cache in caches:
            if cache.running():
                cache.kill()
        backend.kill()
    print(f"{done} green builds of {options.disturbances} over {layout.profile} with a backend that was killed or stopped")
    return 0 if done == options.disturbances else 1
