#!/usr/bin/env python3
"""Real Bazel over two servers, each with a disk of its own, that share one bucket of a real Swift, which is killed and
stopped in the midst of builds.

What one server's client has filled in, the other server's client finds. Then every build is green while the Swift
is killed and started anew on the same data, or stopped until the server has noticed: a bucket that is away costs
time, and never a build. Without a Swift (fetch_clients) the exit code is 77.

    bucket_bazel_test.py [--disturbances 4] [--seed N]
"""

import sys

from backends import Swift
from seeded_run import seeded_run
from shared_builds import Layout, build_over

EXIT_SKIPPED = 77


def run(options, folder):
    if not Swift.is_there():
        print("skipped: there is no Swift")
        return EXIT_SKIPPED
    swift = Swift(folder / "swift")
    layout = Layout("bucket_cache", [], swift.environment(), "S3 does not answer as it should")
    return build_over(swift, layout, options, folder)


if __name__ == "__main__":
    sys.exit(seeded_run(__doc__, run, ("--disturbances", 4)))
