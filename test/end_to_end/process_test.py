#!/usr/bin/env python3
"""What the process shows of itself, what it asks of the machine, and what it offers of it."""

import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kiln_process import Kiln  # noqa: E402: found beside this file

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))


class Process(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="kiln-process-")
        self.addCleanup(self.folder.cleanup)
        self.serve = ["serve", "--data", self.folder.name, "--listen", "127.0.0.1:0", "--capacity", "2GiB"]

    def test_what_it_was_started_with_cannot_be_read_in_proc(self):
        secret = "a-token-that-nobody-else-may-have"
        environment = {**os.environ, "KILN_TEST_SECRET": secret}
        # It is there until it is hidden, or this would prove nothing.
        shown = subprocess.run(["cat", "/proc/self/environ"], env=environment, capture_output=True, check=True).stdout
        self.assertIn(secret.encode(), shown)
        with Kiln(BINARY, self.serve, env=environment) as server:
            self.assertNotIn(secret.encode(), pathlib.Path(f"/proc/{server.pid}/environ").read_bytes())

    def test_too_few_descriptors_are_told_of_with_the_number_that_is_needed(self):
        with Kiln("prlimit", ["--nofile=700:700", BINARY, *self.serve]) as server:
            server.wait_for_log("too few open files are allowed")
            self.assertRegex(server.log, r"allowed=700\b")
            self.assertRegex(server.log, r"needed=\d{4}")

    def test_enough_descriptors_are_not_talked_about(self):
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4096:
            self.skipTest("this machine allows too few itself")
        # What we are started with counts for nothing: the limit is raised as far as it goes.
        with Kiln("prlimit", ["--nofile=512:", BINARY, *self.serve]) as server:
            self.assertEqual(server.stop(), 0)
            self.assertNotIn("too few open files", server.log)

    def test_a_property_of_the_command_line_is_offered(self):
        with Kiln(BINARY, [*self.serve, "--property", "pool=large", "--property", "disk=fast"]) as server:
            asked = [BINARY, "conform", server.address, "--only", "188"]
            for platform in ("pool=large", "disk=fast", "OSFamily=linux"):
                ended = subprocess.run([*asked, "--platform", platform], capture_output=True, text=True, timeout=120,
                                       check=False)
                self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
