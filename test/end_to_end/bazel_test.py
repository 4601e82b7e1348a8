#!/usr/bin/env python3
"""Real Bazel against real Kiln: executed cold, all cache hits warm, a cache alone, and a worker that dies in mid-build."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import bazel_workspace
from kiln_process import Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
REMOTE = ["--spawn_strategy=remote", "--genrule_strategy=remote", "--strategy=CppCompile=remote"]


class Bazel:
    """One workspace; each output base is a client that has never built before."""

    def __init__(self, folder, salt):
        self.root = folder / "workspace"
        self.folder = folder
        bazel_workspace.generate(self.root, salt)
        self.bases = []

    def command(self, base, *flags):
        base = self.folder / base
        if base not in self.bases:
            self.bases.append(base)
        return ["bazel", "--max_idle_secs=60", f"--output_base={base}", "test", "//...", "--color=no", "--curses=no",
                "--jobs=8", *bazel_workspace.flags(self.root), *flags]

    def test(self, base, *flags):
        """Builds and tests everything. Returns Bazel's counts: {"remote": 170, "remote cache hit": 0, ...}."""
        done = subprocess.run(self.command(base, "--noshow_progress", *flags), cwd=self.root, capture_output=True, text=True, timeout=300,
                              check=False)
        if done.returncode != 0:
            raise AssertionError(f"bazel ended with {done.returncode}:\n{done.stderr[-6000:]}")
        return counts_in(done.stderr)

    def close(self):
        for base in self.bases:
            subprocess.run(["bazel", f"--output_base={base}", "shutdown"], cwd=self.root, capture_output=True,
                           check=False)
            subprocess.run(["chmod", "-R", "u+w", str(base)], capture_output=True, check=False)


def counts_in(log):
    """From "INFO: 298 processes: 128 internal, 170 remote."."""
    line = re.findall(r"INFO: \d+ process(?:es)?: (.*)\.", log)
    if not line:
        raise AssertionError("bazel printed no count of processes:\n" + log[-3000:])
    return {words: int(number) for number, words in re.findall(r"(\d+) ([^,]+)", line[-1])}


class RealBazel(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-bazel-"))
        self.bazel = Bazel(self.folder, salt=self._testMethodName)

    def tearDown(self):
        self.bazel.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self, *args):
        return Kiln(BINARY, ["serve", "--data", str(self.folder / "data"), "--listen", "127.0.0.1:0",
                             "--capacity", "4GiB", *args])

    def test_builds_remotely_and_then_from_the_cache(self):
        with self.serve() as kiln:
            remote = [f"--remote_executor=grpc://{kiln.address}", *REMOTE]
            cold = self.bazel.test("cold", *remote)
            self.assertGreater(cold.get("remote", 0), 150, cold)
            self.assertNotIn("local", cold)
            warm = self.bazel.test("warm", *remote)
            self.assertNotIn("remote", warm)
            self.assertEqual(warm.get("remote cache hit", 0), cold["remote"], warm)

    def test_fills_and_uses_the_cache_alone(self):
        with self.serve("--profile", "cache") as kiln:
            cached = [f"--remote_cache=grpc://{kiln.address}", "--spawn_strategy=standalone"]
            cold = self.bazel.test("cold", *cached)
            self.assertNotIn("remote cache hit", cold)
            warm = self.bazel.test("warm", *cached)
            self.assertGreater(warm.get("remote cache hit", 0), 150, warm)

    def worker(self, scheduler, name):
        return Kiln(BINARY, ["worker", "--scheduler", scheduler, "--name", name, "--slots", "4", "--data",
                             str(self.folder / name)], ready=r"kiln works for (\S+)")

    def test_survives_the_death_of_a_worker(self):
        with self.serve("--profile", "scheduler") as kiln, self.worker(kiln.address, "first") as first, \
                self.worker(kiln.address, "second"):
            command = self.bazel.command("cold", f"--remote_executor=grpc://{kiln.address}", *REMOTE, "--show_progress",
                                         "--show_progress_rate_limit=0")
            build = subprocess.Popen(command, cwd=self.bazel.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     text=True)
            log, killed_at = "", None
            with build.stderr:
                for line in build.stderr:
                    log += line
                    progress = re.search(r"\[(\d+) / \d+\].* remote", line)
                    if killed_at is None and progress and int(progress[1]) > 110:
                        first.kill()
                        killed_at = line
            self.assertEqual(build.wait(timeout=300), 0, log[-6000:])
            self.assertIsNotNone(killed_at, "the build was over before a worker could die\n" + log[-3000:])
            self.assertGreater(counts_in(log).get("remote", 0), 150)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
