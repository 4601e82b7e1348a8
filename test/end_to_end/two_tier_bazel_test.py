#!/usr/bin/env python3
"""Real Bazel over two servers of the profile two_tier, each with a disk of its own, before one cache of a site, which is
killed in the midst of builds.

What one server's client has filled in, the other server's client finds. Then every build is green while the site's cache
is killed and started anew on the same data.

    two_tier_bazel_test.py [--disturbances 2] [--seed N]
"""

import sys

from backends import Upstream
from seeded_run import seeded_run
from shared_builds import Layout, build_over


def run(options, folder):
    site = Upstream(folder / "site")
    layout = Layout("two_tier", ["--cache", site.endpoint], None, None)
    return build_over(site, layout, options, folder)


if __name__ == "__main__":
    sys.exit(seeded_run(__doc__, run, ("--disturbances", 2)))
