#!/usr/bin/env python3
"""Real Bazel against real Kiln: executed cold, all cache hits warm, a cache alone, and a worker that dies in mid-build."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import bazel_workspace
from kiln_process import Heard, Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
BUILD_SECONDS = 240  # one takes 10 to 40
REMOTE = ["--spawn_strategy=remote", "--genrule_strategy=remote", "--strategy=CppCompile=remote"]


class Bazel:
    """One workspace; each output base is a client that has never built before."""

    def __init__(self, folder, salt):
        self.root = folder / "workspace"
        self.folder = folder
        bazel_workspace.generate(self.root, salt)
        self.bases = []

    def test(self, base, *flags, watch=lambda said: None, servers=()):
        """Builds and tests everything. `watch` is called with what Bazel says while it says it.

        Returns Bazel's counts: {"remote": 170, "remote cache hit": 0, ...}. A build that does not end is ended, and
        told of with what its Bazel and the `servers` were about."""
        base = self.folder / base
        if base not in self.bases:
            self.bases.append(base)
        command = ["bazel", "--max_idle_secs=60", f"--output_base={base}", "test", "//...", "--color=no", "--curses=no",
                   "--jobs=8", *bazel_workspace.flags(self.root), *flags]
        build = subprocess.Popen(command, cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, errors="replace")
        said = Heard(build.stderr)
        try:
            watch(said)
            if not said.ended(BUILD_SECONDS):
                raise AssertionError(f"bazel did not end in {BUILD_SECONDS} s:\n{said.text[-6000:]}\n"
                                     f"--- its threads ---\n{threads_of(base)}\n" + logs_of(servers))
            code = build.wait()
        finally:
            build.kill()
            build.wait()
        if code != 0:
            raise AssertionError(f"bazel ended with {code}:\n{said.text[-6000:]}\n{logs_of(servers)}")
        return counts_in(said.text)

    def close(self):
        for base in self.bases:
            try:
                subprocess.run(["bazel", f"--output_base={base}", "shutdown"], cwd=self.root, capture_output=True,
                               check=False, timeout=60)
            except subprocess.TimeoutExpired:
                os.kill(server_of(base), signal.SIGKILL)
            subprocess.run(["chmod", "-R", "u+w", str(base)], capture_output=True, check=False)


def server_of(base):
    return int((base / "server/server.pid.txt").read_text())


def threads_of(base):
    """Those of a Bazel that work for a build or talk to a server."""
    dump = subprocess.run(["jstack", str(server_of(base))], capture_output=True, text=True, check=False).stdout
    busy = [each for each in dump.split("\n\n") if re.search("remote|grpc|skyframe", each)]
    return "\n\n".join(busy)[:20000]


def logs_of(servers):
    return "\n".join(f"--- kiln {each.pid} ---\n{each.log[-4000:]}" for each in servers)


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
            cold = self.bazel.test("cold", *remote, "--noshow_progress", servers=[kiln])
            self.assertGreater(cold.get("remote", 0), 150, cold)
            self.assertNotIn("local", cold)
            warm = self.bazel.test("warm", *remote, "--noshow_progress", servers=[kiln])
            self.assertNotIn("remote", warm)
            self.assertEqual(warm.get("remote cache hit", 0), cold["remote"], warm)

    def test_fills_and_uses_the_cache_alone(self):
        with self.serve("--profile", "cache") as kiln:
            cached = [f"--remote_cache=grpc://{kiln.address}", "--spawn_strategy=standalone"]
            cold = self.bazel.test("cold", *cached, "--noshow_progress", servers=[kiln])
            self.assertNotIn("remote cache hit", cold)
            warm = self.bazel.test("warm", *cached, "--noshow_progress", servers=[kiln])
            self.assertGreater(warm.get("remote cache hit", 0), 150, warm)

    def worker(self, scheduler, name):
        """One for that scheduler, which has made the token that they share."""
        joins_at = scheduler.wait_for(r"kiln takes workers on ([^;\s]+)")[1]
        return Kiln(BINARY, ["worker", "--scheduler", joins_at, "--cache", scheduler.address, "--worker-token",
                             str(self.folder / "data/worker-token"), "--name", name, "--slots", "4", "--data",
                             str(self.folder / name)], ready=r"kiln works for (\S+)")

    def test_survives_the_death_of_a_worker(self):
        with self.serve("--profile", "scheduler", "--workers", "127.0.0.1:0") as kiln, \
                self.worker(kiln, "first") as first, self.worker(kiln, "second") as second:

            def kill_in_the_midst(said):
                begun = said.wait_for(lambda text: text.count("\nSUBCOMMAND:") > 60, BUILD_SECONDS)
                self.assertTrue(begun, "no worker could die in the midst of it\n" + said.text[-6000:])
                first.kill()

            counts = self.bazel.test("cold", f"--remote_executor=grpc://{kiln.address}", *REMOTE, "--noshow_progress",
                                     "-s", watch=kill_in_the_midst, servers=[kiln, second])
            self.assertGreater(counts.get("remote", 0), 150)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
