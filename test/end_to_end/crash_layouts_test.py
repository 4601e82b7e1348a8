#!/usr/bin/env python3
"""Kills a server over each durable layout again and again under load, and holds the next one to what was acknowledged.

The layouts are those in layouts/ and the profiles with a real backend, which lives on while the server is killed. The
work is crash_driver's; this gives each layout a backend and adds up the table. The exit code is 1 if anything was lost
or wrong, with the seed and the folder of what is left printed.

    crash_layouts_test.py DRIVER [--kills 10] [--seed N] [--only NAME,NAME]
"""

import collections
import os
import pathlib
import re
import subprocess
import sys

from backends import Redis, Swift, Upstream
from seeded_run import BINARY, seeded_run

LAYOUTS = pathlib.Path(__file__).resolve().parent / "layouts"
# A backend begins empty again after so many kills, or it would grow with each of them.
KILLS_OF_ONE_BACKEND = 100
# Of a store whose slow half says what is there, the fast half may read more than that.
SERVES_UNLISTED = ("--serves-unlisted",)
# Acknowledged early is acknowledged before the store that says what is there has it.
MAY_MISS = ("--may-miss",)
# Swift takes a second for what Redis does in some milliseconds, so it is given fewer kills.
OF_SWIFT = 5
SMALLER = ("--largest", str(2 << 20))
FEWER = ("--largest", str(1 << 20), "--uploaders", "4")

# What crash_driver takes as layout, with what else it is told; what makes a backend, and what a kiln is told of it.
Layout = collections.namedtuple("Layout", "layout words backend tell", defaults=((), None, None))


def of_file(name, *words):
    return Layout(str(LAYOUTS / f"{name}.yaml"), words)


ALL = {
    "filesystem": of_file("filesystem"),
    "memory_before_disk": of_file("memory_before_disk", *SERVES_UNLISTED),
    "disk_before_disk": of_file("disk_before_disk", *SERVES_UNLISTED),
    "early_acknowledgement": of_file("early_acknowledgement", *SERVES_UNLISTED, *MAY_MISS),
    "existence_cache": of_file("existence_cache", *SERVES_UNLISTED),
    "compression": of_file("compression"),
    "chunked": of_file("chunked"),
    "shard": of_file("shard"),
    "mirror": of_file("mirror"),
    "size_partitioning": of_file("size_partitioning"),
    "two_tier": Layout("two_tier", SERVES_UNLISTED, Upstream, lambda kiln: {"KILN_CACHE": kiln.endpoint}),
    "redis_cache": Layout("redis_cache", SERVES_UNLISTED + SMALLER, lambda folder: Redis(folder, "everysec"),
                          lambda redis: {"KILN_REDIS": redis.endpoint}),
    "bucket_cache": Layout("bucket_cache", SERVES_UNLISTED + FEWER, Swift, lambda swift: swift.environment()),
}
SAYS = re.compile(r"(\d+) kills .* (\d+) acknowledgements of (\d+) MiB; .* (\d+) lost, (\d+) wrong; .* ([\d.]+) s$")
Figures = collections.namedtuple("Figures", "kills acknowledged mebibytes lost wrong seconds")
NONE = Figures(0, 0, 0, 0, 0, 0.0)


def figures_in(said):
    """The last that the driver printed; they count from its beginning."""
    found = [match for match in map(SAYS.search, said.splitlines()) if match]
    if not found:
        return NONE
    return Figures(*map(int, found[-1].groups()[:-1]), float(found[-1][6]))


def drive(driver, layout, kills, seed, folder):
    """Some kills over a backend that begins empty."""
    backend = layout.backend(folder) if layout.backend else None
    environment = dict(os.environ)
    try:
        if backend:
            backend.start()
            environment.update(layout.tell(backend))
        done = subprocess.run([driver, "--binary", BINARY, "--kills", str(kills), "--seed", str(seed), "--layout",
                               layout.layout, *layout.words], env=environment, capture_output=True, text=True,
                              errors="replace", check=False)
    finally:
        if backend:
            backend.kill()
    return done.returncode, figures_in(done.stdout), done.stdout + done.stderr


def torture(driver, layout, options, folder):
    """All kills of one layout. Returns whether it stood, and the figures."""
    kills = max(1, options.kills // OF_SWIFT) if layout.backend is Swift else options.kills
    total, some = NONE, KILLS_OF_ONE_BACKEND if layout.backend else kills
    for at in range(0, kills, some):
        code, figures, said = drive(driver, layout, min(some, kills - at), options.seed + at,
                                    folder / f"backend{at}")
        total = Figures(*map(sum, zip(total, figures)))
        if code != 0:
            print(said[-8000:], flush=True)
            return False, total
    return True, total


def run(options, folder):
    failed = []
    print(f"{'layout':20} {'kills':>6} {'acknowledged':>13} {'MiB':>7} {'lost':>5} {'wrong':>6} {'seconds':>8}", flush=True)
    for name, layout in ALL.items():
        if options.only and name not in options.only.split(","):
            continue
        if layout.backend is Swift and not Swift.is_there():
            print(f"{name:20} skipped: there is no Swift", flush=True)
            continue
        stood, f = torture(options.driver, layout, options, folder / name)
        print(f"{name:20} {f.kills:6} {f.acknowledged:13} {f.mebibytes:7} {f.lost:5} {f.wrong:6} {f.seconds:8.1f}"
              f"{'' if stood else '  FAILED'}", flush=True)
        if not stood:
            failed.append(name)
    if failed:
        print(f"seed {options.seed}: {', '.join(failed)} did not stand")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(seeded_run(__doc__, run, ("--kills", 10), (
        ("driver", {"help": "the crash_driver of this build"}),
        ("--only", {"help": "some of the layouts, by name", "default": ""}))))
