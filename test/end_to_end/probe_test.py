#!/usr/bin/env python3
"""`kiln probe` against Kiln: actions in namespaces of their own hold, actions in a folder do not. 77 if no sandbox can be made."""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from kiln_process import Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
UNAVAILABLE, USAGE, SKIPPED = 69, 64, 77
KINDS = ["files", "processes", "network", "devices", "privileges", "system calls", "resources", "leftovers"]



def probe(*words):
    return subprocess.run([BINARY, "probe", *words], capture_output=True, text=True, timeout=600, check=False)


def outcomes(text):
    """The outcome of each probe, by kind and name."""
    told = {}
    kind = ""
    for line in text.splitlines():
        found = re.match(r"  (held|LEAKED|untried) +(.*?)(?: \(.*\)|: .*)?$", line)
        if found:
            told[kind, found[2]] = found[1]
        elif line:
            kind = line
    return told


class Probes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-probe-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # Actions of root's have users of their own only where those come through to their folders.
        os.chmod(self.folder, 0o755)

    def serving(self, *more):
        return Kiln(BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", f"{self.folder}/data", "--capacity", "1GiB",
                             *more])

    def assert_sums(self, text, told):
        counts = [len(told)] + [sum(one == word for one in told.values()) for word in ("held", "LEAKED", "untried")]
        wanted = "{} probes: {} held, {} LEAKED, {} untried".format(*counts)
        self.assertEqual(text.splitlines()[-1], wanted, text)
        self.assertGreaterEqual(len(told), 100, text)
        self.assertEqual([line for line in text.splitlines()[:-1] if line and not line.startswith(" ")], KINDS, text)

    def test_actions_in_namespaces_of_their_own_hold(self):
        with self.serving("--sandbox", "auto") as server:
            if "actions run in namespaces of their own" not in server.log:
                self.skipTest("no sandbox can be made here: " + server.log)
        with self.serving("--sandbox", "namespaces") as server:
            done = probe(server.address)
        told = outcomes(done.stdout)
        leaked = {probe for probe, outcome in told.items() if outcome == "LEAKED"}
        self.assertEqual(leaked, set(), done.stdout + done.stderr)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("untried", told.values(), done.stdout)
        self.assert_sums(done.stdout, told)

    def test_actions_in_a_folder_leak(self):
        with self.serving("--sandbox", "folder") as server:
            done = probe(server.address)
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        told = outcomes(done.stdout)
        self.assert_sums(done.stdout, told)
        # Whatever the machine has, these it has.
        for name in (("processes", "processes of others"), ("files", "/sys"), ("privileges", "the filter of system calls")):
            self.assertEqual(told[name], "LEAKED", done.stdout)
        # These a folder keeps, too.
        for name in ("a process of the action before", "an input that it changed", "a program that it changed"):
            self.assertEqual(told["leftovers", name], "held", done.stdout)

    def test_what_cannot_be_asked_is_no_leak(self):
        done = probe("127.0.0.1:1")
        self.assertEqual((done.returncode, done.stdout), (UNAVAILABLE, ""))
        self.assertIn("UNAVAILABLE", done.stderr)
        with self.serving("--profile", "cache") as server:
            done = probe(server.address)
        self.assertEqual((done.returncode, done.stdout), (UNAVAILABLE, ""))
        self.assertIn("no execution", done.stderr)

    def test_words_that_mean_nothing_are_refused(self):
        for words in ([], ["127.0.0.1:1", "--platform", "large"], ["nowhere"]):
            done = probe(*words)
            self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if result.skipped else 0)
