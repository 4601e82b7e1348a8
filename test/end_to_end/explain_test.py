#!/usr/bin/env python3
"""`kiln worker --explain` says of a machine what a worker then does there, as root and as an ordinary user."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from kiln_process import Kiln

HERE = pathlib.Path(__file__).resolve().parent
BINARY = os.environ.get("KILN_BINARY", str(HERE.parents[1] / "build/bin/kiln"))
IN_CONTAINER = HERE.parent / "in_container"
AS_USER = HERE.parent / "as_user"
UNAVAILABLE, USAGE, SKIPPED = 69, 64, 77

CONFIGURATION = """
stores:
  blobs: {{type: filesystem, path: "{blobs}", capacity: 1GiB}}
  results: {{type: filesystem, path: "{data}/results", capacity: 1GiB}}
transports: {{public: {{type: grpc, listen: ["127.0.0.1:0"]}}}}
serve: {{content: blobs, results: results, execution: {{}}}}
worker: {{cas: blobs, work_root: "{data}/work", max_timeout: 42m, slots: 3, {more}}}
"""


def said(report):
    """What the report says, by the name that stands in front of it; each as one line."""
    told, name = {}, ""
    for line in report.splitlines():
        name = line[:16].rstrip() or name
        told[name] = f"{told.get(name, '')} {line[16:].strip()}".strip()
    return told


class Explained(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-explain-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # An ordinary user works here as well.
        os.chmod(self.folder, 0o777)

    def explain(self, *words, under=()):
        return subprocess.run([*map(str, under), BINARY, "worker", "--explain", *words], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120, check=False)

    def report(self, *words, **more):
        done = self.explain("--data", f"{self.folder}/data", *words, **more)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return said(done.stdout)

    def serving(self, *words):
        return Kiln(BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", f"{self.folder}/data", "--capacity", "1GiB",
                             *words])

    def write(self, more="", blobs=None):
        file = pathlib.Path(self.folder, "node.yaml")
        file.write_text(CONFIGURATION.format(data=self.folder, blobs=blobs or f"{self.folder}/blobs", more=more))
        return str(file)

    def test_it_says_what_a_worker_does_there(self):
        told = self.report()
        with self.serving() as server:
            log = server.log
        self.assertEqual(told["sandbox"].startswith("namespaces: "), "actions run in namespaces of their own" in log, told)
        self.assertEqual(told["inputs"].startswith("overlay: "), "input trees are kept" in log, told)
        self.assertEqual(told["actions run as"].startswith("users of their own"), "actions run as users of their own" in log,
                         told)
        self.assertTrue(told["work_root"].startswith(f"{self.folder}/data/work on "), told)
        self.assertIn(f"from {self.folder}/data/inputs, on the same file system: files are ", told["inputs"])
        for kind in ("  mount", "  pid", "  network"):
            self.assertRegex(told[kind], "can be had|refused: ")

    @unittest.skipUnless(os.geteuid() == 0, "only root gets into the folder of another")
    def test_the_folder_of_another_user_is_left_as_it_is(self):
        work = pathlib.Path(self.folder, "data/work")
        work.mkdir(parents=True)
        os.chown(work, 65534, 65534)
        done = self.explain("--data", f"{self.folder}/data")
        self.assertEqual(done.returncode, UNAVAILABLE, done.stderr)
        self.assertIn("is of user 65534: ask as that user", done.stderr)
        self.assertEqual(list(work.iterdir()), [])

    def test_what_is_lacking_comes_with_its_reason_and_its_cure(self):
        told = self.report("--sandbox", "folder")
        self.assertIn("not namespaces: `sandbox.level: folder` says so", told["sandbox"])
        self.assertIn("not overlay: it needs a sandbox of level `namespaces` ", told["inputs"])
        self.assertRegex(told["inputs"], "-> get that")
        self.assertEqual(told["network"], "the machine's, for every action")

    def test_files_of_a_cache_on_another_file_system_are_copied(self):
        memory = pathlib.Path("/dev/shm")
        if not os.access(memory, os.W_OK) or memory.stat().st_dev == os.stat(self.folder).st_dev:
            self.skipTest("there is no other file system here")
        told = said(self.explain(self.write(blobs=memory / "kiln-none/blobs")).stdout)
        self.assertIn("from /dev/shm/kiln-none/blobs, on another file system: files are copied", told["inputs"])
        self.assertFalse((memory / "kiln-none").exists())

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("setpriv"), "only root can give its rights up")
    def test_rights_that_a_container_lacks_are_named_with_its_flags(self):
        under = ("setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
        told = self.report(under=under)
        self.assertTrue(told["sandbox"].startswith("folder: "), told)
        self.assertIn("not namespaces: an action's sandbox: making its namespaces: Operation not permitted", told["sandbox"])
        self.assertIn("--cap-add SYS_ADMIN", told["sandbox"])
        self.assertIn("refused: ", told["  mount"])
        # The report of one that would not start is the same.
        demanding = self.explain("--data", f"{self.folder}/data", "--sandbox", "namespaces", under=under)
        self.assertEqual(demanding.returncode, 0, demanding.stderr)
        self.assertIn("This worker would not start: `sandbox.level: namespaces`", demanding.stdout)

    def test_a_container_has_a_folder_by_default_and_namespaces_with_the_flags_that_are_named(self):
        def inside(*flags):
            done = self.explain("--data", f"{self.folder}/data", under=[IN_CONTAINER, *flags])
            if done.returncode == SKIPPED:
                self.skipTest("a container cannot be played here")
            self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
            return said(done.stdout)["sandbox"]
        told = inside()
        self.assertTrue(told.startswith("folder: "), told)
        self.assertIn("--security-opt seccomp=unconfined", told)
        self.assertIn("--cap-add NET_ADMIN --cap-add SYS_ADMIN", told)
        self.assertEqual(inside("--with-mounts").split()[0], self.report()["sandbox"].split()[0])

    def test_an_ordinary_user_is_told_what_root_would_have(self):
        if subprocess.run([AS_USER, BINARY, "version"], stdout=subprocess.DEVNULL, check=False).returncode == SKIPPED:
            self.skipTest("an ordinary user cannot reach the binary")
        told = self.report(under=[AS_USER])
        user = 65534 if os.geteuid() == 0 else os.geteuid()
        self.assertTrue(told["actions run as"].startswith(f"Kiln's own user, {user} not as users of their own: "), told)
        self.assertIn("-> run Kiln as root", told["actions run as"])
        self.assertRegex(told["  user"], "can be had|refused: ")

    def test_a_file_says_limits_and_properties(self):
        done = self.explain(self.write("properties: {pool: [large, small]}"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        told = said(done.stdout)
        self.assertIn("slots 3", told["limits"])
        self.assertIn("max_timeout 42m", told["limits"])
        self.assertIn("OSFamily = Linux, linux", told["offers"])
        self.assertIn("pool = large, small", told["offers"])
        self.assertIn("network = ", told["offers"])

    def test_a_folder_where_a_worker_works_is_left_to_it(self):
        with self.serving():
            done = self.explain("--data", f"{self.folder}/data")
        self.assertEqual((done.returncode, done.stdout), (UNAVAILABLE, ""))
        self.assertRegex(done.stderr, f"^kiln: work folder {re.escape(self.folder)}/data/work: another worker works there.*--data")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_node_without_a_worker_has_nothing_to_explain(self):
        file = pathlib.Path(self.folder, "cache.yaml")
        file.write_text("stores: {blobs: {type: memory, capacity: 1GiB}}\n"
                        'transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}}\nserve: {content: blobs}\n')
        done = self.explain(str(file))
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
        self.assertIn("no section worker", done.stderr)


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
