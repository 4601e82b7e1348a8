#!/usr/bin/env python3
"""Real Bazel over two servers that share one real Redis, which is killed and stopped in the midst of builds.

What one server's client has filled in, the other server's client finds. Then every build is green while the Redis
is killed and started anew on the same data, or stopped until the server has noticed: a cache that is away costs
time, and never a build.

    redis_bazel_test.py [--disturbances 4] [--seed N]
"""

import sys

from backends import Redis
from seeded_run import seeded_run
from shared_builds import Layout, build_over


def run(options, folder):
    redis = Redis(folder / "redis")
    layout = Layout("redis_cache", ["--redis", redis.endpoint], None, "redis does not answer")
    return build_over(redis, layout, options, folder)


if __name__ == "__main__":
    sys.exit(seeded_run(__doc__, run, ("--disturbances", 4)))
