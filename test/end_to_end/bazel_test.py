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


NODE = """
stores:
  blobs: {{type: filesystem, path: "{data}/blobs", capacity: 4GiB}}
  results: {{type: filesystem, path: "{data}/results", capacity: 1GiB}}
  content: {{type: chunked, inner: blobs, layouts: results}}
transports:
  public: {{type: grpc, listen: ["127.0.0.1:0"]}}
serve: {{content: content, results: results, chunking: {{}}, execution: {{}}}}
worker: {{cas: content, cache: content, work_root: "{data}/work", {worker}}}
"""


class Bazel:
    """One workspace; each output base is a client that has never built before."""

    def __init__(self, folder, salt, libraries=bazel_workspace.LIBRARIES):
        self.root = folder / "workspace"
        self.folder = folder
        bazel_workspace.generate(self.root, salt, libraries)
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


def rule(name, inputs, doing):
    """A genrule that does something to each of its inputs, `$$i`."""
    return (f'genrule(name = "{name}", srcs = {list(inputs)}, outs = ["{name}.txt"], '
            f'cmd = "for i in $(SRCS); do {doing}; done > $@")\n')


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

    def meddle(self, way, meddling, said):
        """Builds a rule that does that to each of its inputs, and then another one that needs the same, while no
        output is ever downloaded: whatever was lost of them, Bazel could not bring again."""
        data = self.folder / way
        node = self.folder / f"{way}.yaml"
        node.write_text(NODE.format(data=data, worker=said[0]))
        inputs = ":big", ":text0", "part0.cpp"
        build = self.bazel.root / "BUILD"
        plain = build.read_text()
        try:
            with Kiln(BINARY, ["serve", node]) as kiln:
                flags = [f"--remote_executor=grpc://{kiln.address}", *REMOTE, "--noshow_progress",
                         "--remote_download_minimal"]
                build.write_text(plain + rule("meddle", inputs, meddling))
                self.assertGreater(self.bazel.test(way, *flags, servers=[kiln]).get("remote", 0), 4)
                # As it was: its first line is the salt, which nobody has changed.
                for name in ("after", "later"):
                    build.write_text(plain + rule(name, inputs, f"echo {name}; head -c 20 $$i | grep -v evil"))
                    self.assertEqual(self.bazel.test(way, *flags, servers=[kiln]).get("remote", 0), 1)
                self.assertIn(said[1], kiln.log)
        finally:
            build.write_text(plain)

    def test_rules_that_meddle_with_their_inputs_lose_nothing(self):
        self.folder.chmod(0o711)  # users of actions may pass
        self.bazel.close()
        self.bazel = Bazel(self.folder, salt="meddling", libraries=1)
        everything = "touch $$i; chmod u+w $$i; echo evil >> $$i; truncate -s 3 $$i"
        # With links that it cannot change it fails at each, and goes on; copies are its own.
        if os.geteuid() == 0:
            self.meddle("links", f"({everything}) 2>/dev/null || true", ("inputs: auto", "users of their own"))
        self.meddle("copies", f"({everything.replace(';', ' &&')}) || exit 1", ("inputs: copy", "inputs=copies"))
        self.meddle("nobody", f"({everything.replace(';', ' &&')}) || exit 1",
                    ("action_users: none", "inputs=copies"))
        # Who trusts its actions may be touched, and not written to.
        self.meddle("trusting", "(touch $$i && chmod u+w $$i) || exit 1",
                    ("action_users: none, inputs: hardlink_trusting_actions", "inputs=links"))

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
