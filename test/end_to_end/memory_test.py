#!/usr/bin/env python3
"""Sizes come from the limit that really holds: a kiln in a cgroup of its own, nested in another, as systemd makes one.

The paths are in KILN_BINARY. Where no cgroup with a limit can be made, the tests say so and are skipped.
"""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest

BINARY = os.environ["KILN_BINARY"]
MIB = 1 << 20


def hierarchies():
    """Where cgroups that bound memory can be made, with the name of the file that takes the bound."""
    own = dict(line.split(":", 2)[1:] for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines())
    yield pathlib.Path("/sys/fs/cgroup/memory" + own.get("memory", "/")), "memory.limit_in_bytes"
    yield pathlib.Path("/sys/fs/cgroup" + own.get("", "/")), "memory.max"


class Memory(unittest.TestCase):
    def setUp(self):
        self.data = tempfile.TemporaryDirectory(prefix="kiln-memory-")
        self.addCleanup(self.data.cleanup)

    def cgroup(self, limit):
        """A cgroup below one with that limit, itself without."""
        for above, file in hierarchies():
            outer = above / f"kiln-test-{os.getpid()}"
            try:
                outer.mkdir()
            except OSError:
                continue
            self.addCleanup(outer.rmdir)
            try:
                (outer / file).write_text(str(limit))
                inner = outer / "inner"
                inner.mkdir()
            except OSError:
                continue
            self.addCleanup(inner.rmdir)
            return inner, outer / file
        self.skipTest("no cgroup with a limit of memory can be made here")

    def serve(self, config, cgroup):
        """Its log, once it listens; it is ended then."""
        path = pathlib.Path(self.data.name) / "node.yaml"
        path.write_text(config)
        process = subprocess.Popen([BINARY, "serve", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, preexec_fn=lambda: (cgroup / "cgroup.procs").write_text("0"))
        for line in process.stdout:
            if line.startswith("kiln listens on"):
                break
        process.terminate()
        _, log = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, log)
        return log

    def config(self, hot=""):
        folder = self.data.name
        return (f"stores:\n  blobs: {{type: filesystem, path: {folder}/blobs, capacity: 1GiB{hot}}}\n"
                f"  results: {{type: filesystem, path: {folder}/results, capacity: 1GiB}}\n"
                "transports: {public: {type: grpc, listen: ['127.0.0.1:0']}}\n"
                "serve: {content: blobs, results: results}\n")

    def test_the_defaults_fit_into_a_small_cgroup(self):
        cgroup, file = self.cgroup(256 * MIB)
        log = self.serve(self.config(), cgroup)
        self.assertIn(f"from={file}", log)
        self.assertIn("limit=256MiB", log)
        self.assertNotIn("may take more memory", log)
        self.assertLessEqual(int(re.search(r"sum=(\d+)MiB", log)[1]), 256)
        self.assertIn("store blobs hot_memory: 10MiB", log)

    def test_what_does_not_fit_is_told_at_the_start(self):
        cgroup, _ = self.cgroup(256 * MIB)
        log = self.serve(self.config(", hot_memory: 256MiB"), cgroup)
        self.assertIn("may take more memory", log)
        self.assertIn("store blobs hot_memory: 256MiB", log)


if __name__ == "__main__":
    unittest.main()
