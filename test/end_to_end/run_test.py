#!/usr/bin/env python3
"""`kiln run`: an action of a server is run here as a worker would, and a shell in its place."""

import os
import pathlib
import pty
import signal
import subprocess
import sys
import tempfile
import unittest

from kiln_process import Heard, Kiln, die_with_the_test
from stored_action import StoredAction

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
UNAVAILABLE, USAGE = 69, 64
PATIENCE_SECONDS = 60


def shell(script, **more):
    return StoredAction(["/bin/sh", "-c", script], **more)


class Run(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.data = tempfile.TemporaryDirectory(prefix="kiln-run-test-")
        cls.server = Kiln(BINARY, ["serve", "--profile", "cache", "--listen", "127.0.0.1:0", "--data", cls.data.name,
                                   "--capacity", "1GiB"])
        cls.server.start()

    @classmethod
    def tearDownClass(cls):
        cls.server.kill()
        cls.data.cleanup()

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-run-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        # Actions of root's have users of their own only where those come through to their folders.
        self.folder.chmod(0o755)
        self.temporary = self.folder / "tmp"
        self.temporary.mkdir()

    def command(self, *words):
        return [BINARY, "run", self.server.address, *map(str, words)]

    def environment(self):
        return {**os.environ, "TMPDIR": str(self.temporary), "OF_THE_USER": "hidden"}

    def run_action(self, action, *words, given="", without=()):
        action.store(self.server.address, without)
        return subprocess.run(self.command(action.name, *words), input=given, env=self.environment(), text=True,
                              capture_output=True, timeout=PATIENCE_SECONDS * 2, check=False)

    def assert_nothing_stays(self):
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_the_command_runs_with_its_inputs_and_its_streams_and_exit_code_come_out(self):
        action = shell("cat ../in/text; ../in/tool; echo $OWN $OF_THE_USER; echo wrong >&2; cat; exit 7", inside="work",
                       inputs={"in/text": "of the text\n", "in/tool*": "#!/bin/sh\necho of the tool\n", "work/empty": ""},
                       environment={"OWN": "of the command"})
        done = self.run_action(action, given="what nobody reads")
        self.assertEqual(done.stdout, "of the text\nof the tool\nof the command\n", done.stderr)
        self.assertIn("wrong\n", done.stderr)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assert_nothing_stays()

    def test_a_folder_keeps_inputs_and_outputs_and_says_which_were_made(self):
        kept = self.folder / "kept"
        action = shell("echo made > out/deep/file; ln -s file out/deep/link", inside="work",
                       inputs={"work/a/b.txt": "input\n"}, outputs=["out/deep/file", "out/deep/link", "out/none"])
        done = self.run_action(action, "--folder", kept)
        self.assertEqual((done.returncode, done.stdout), (0, ""), done.stderr)
        made = kept / "root/work/out/deep/file"
        self.assertEqual(made.read_text(), "made\n")
        self.assertEqual((kept / "root/work/a/b.txt").read_text(), "input\n")
        self.assertIn(f"output out/deep/file is a file of 5 bytes: {made}\n", done.stderr)
        self.assertIn("output out/deep/link is a link: ", done.stderr)
        self.assertIn("output out/none was not made\n", done.stderr)
        self.assertEqual(sorted(one.name for one in self.folder.iterdir()), ["kept", "tmp"])

    def test_what_could_be_executed_as_its_user_is_reached_by_nobody_else(self):
        self.folder.chmod(0o700)  # then an action's user is ours
        kept = self.folder / "kept"
        done = self.run_action(shell("cp /bin/true out; chmod 6755 out", outputs=["out"]), "--folder", kept)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((kept / "root/out").stat().st_uid, os.geteuid())
        self.assertEqual(kept.stat().st_mode & 0o777, 0o700)

    def test_a_folder_with_something_in_it_is_not_touched(self):
        kept = self.folder / "kept"
        kept.mkdir()
        action = shell("echo made > out", outputs=["out"])
        self.assertEqual(self.run_action(action, "--folder", kept).returncode, 0)
        done = self.run_action(action, "--folder", kept)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""), done.stderr)
        self.assertIn(f"--folder {kept}: there is something already", done.stderr)
        self.assertEqual((kept / "root/out").read_text(), "made\n")

    def test_it_runs_at_the_level_that_is_said(self):
        action = shell("test -e /sys && echo sees the machine || echo sees its own; test -e in", inputs={"in": "x"})
        done = self.run_action(action, "--sandbox", "folder")
        self.assertEqual((done.returncode, done.stdout), (0, "sees the machine\n"), done.stderr)
        done = self.run_action(action, "--sandbox", "namespaces")
        if done.returncode == UNAVAILABLE and "cannot be had" in done.stderr:
            self.skipTest(done.stderr)
        self.assertEqual((done.returncode, done.stdout), (0, "sees its own\n"), done.stderr)
        self.assertIn("at /build", done.stderr)

    # In mounts of its own, for it changes /etc.
    HIDDEN = """
mount -t tmpfs -o mode=0755 none "$1" && mkdir "$1/etc" "$1/work" &&
mount -t overlay -o lowerdir=/etc,upperdir="$1/etc",workdir="$1/work" none /etc || exit 77
mount -t tmpfs -o mode=0755 none /usr/local || exit 77
rm -rf /etc/kiln && ln -s ../usr/local/in/secrets /etc/kiln && mkdir -p /usr/local/in/secrets &&
echo known > /usr/local/in/secrets/key && chmod "$2" /usr/local/in
shift 2 && exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
"""

    def test_a_secret_is_hidden_wherever_a_link_to_it_leads(self):
        if os.geteuid() != 0:
            self.skipTest("only root can lay something over /etc")
        action = shell("cat /etc/kiln/key || echo held").store(self.server.address)
        for mode in ("0755", "0700"):
            over = self.folder / mode
            over.mkdir()
            done = subprocess.run(["unshare", "--mount", "sh", "-c", self.HIDDEN, "sh", over, mode,
                                   *self.command(action.name, "--sandbox", "auto")], env={**os.environ, "TMPDIR": "/tmp"},
                                  text=True, capture_output=True, timeout=PATIENCE_SECONDS * 2, check=False)
            if done.returncode == 77 or "cannot be had" in done.stderr:
                self.skipTest(done.stderr)
            self.assertEqual(done.stdout, "held\n", done.stderr)
            self.assertIn("in namespaces of its own", done.stderr)

    def test_what_is_missing_is_named(self):
        action = shell("cat a/b/c.txt", inputs={"a/b/c.txt": "missing once", "d": "there"})
        file, folder, command, itself = action.files["a/b/c.txt"], action.folders["a/b"], action.command, action.action
        # From the last to the first: what was stored before stays stored.
        for blob, words in ((itself, "action"), (command, "command"), (folder, "input folder"),
                            (file, 'input file "a/b/c.txt"')):
            done = self.run_action(action, without={itself, command, folder, file} if blob is itself else
                                   {command, folder, file} if blob is command else
                                   {folder, file} if blob is folder else {file})
            self.assertEqual((done.returncode, done.stdout), (UNAVAILABLE, ""), done.stderr)
            self.assertIn(f"{words} {blob.name} is not in the server's cache; build it again", done.stderr)
        self.assert_nothing_stays()
        self.assertEqual(self.run_action(action).stdout, "missing once")

    def test_the_time_of_an_action_is_over_here_as_there(self):
        done = self.run_action(shell("trap 'echo asked; exit 5' TERM; echo up; sleep 100000 & wait", timeout=1))
        self.assertIn("ran longer than its 1s", done.stderr)
        self.assertEqual((done.returncode, done.stdout), (5, "up\nasked\n"), done.stderr)

    def test_an_action_has_the_memory_that_its_platform_asks_for(self):
        words = ["python3", "-c", "print(len(bytearray(200 << 20)))"]
        done = self.run_action(StoredAction(words, platform={"memory": str(64 << 20)}))
        if "control groups" in done.stderr:
            self.skipTest(done.stderr)
        self.assertIn("the action met the 64MiB of memory", done.stderr)
        self.assertNotEqual(done.returncode, 0)
        done = self.run_action(StoredAction(words, platform={"memory": str(512 << 20)}))
        self.assertEqual((done.returncode, done.stdout), (0, f"{200 << 20}\n"), done.stderr)

    def test_a_signal_ends_the_command_and_leaves_nothing(self):
        action = shell("echo up; exec sleep 100000").store(self.server.address)
        with subprocess.Popen(self.command(action.name), env=self.environment(), stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.DEVNULL, preexec_fn=die_with_the_test) as running:
            self.assertEqual(running.stdout.readline(), "up\n")
            running.send_signal(signal.SIGINT)
            self.assertEqual(running.wait(PATIENCE_SECONDS), 128 + signal.SIGINT)
        self.assert_nothing_stays()

    # A shell in its place.

    def test_a_shell_stands_where_the_command_would(self):
        action = shell("echo 'not this'", inside="work", inputs={"work/in": "input\n"}, outputs=["out/file"],
                       environment={"OWN": "of the command"})
        done = self.run_action(action, "--shell", given="cat in; echo $OWN $OF_THE_USER; echo typed > out/file; exit 9\n")
        self.assertEqual((done.returncode, done.stdout), (9, "input\nof the command\n"), done.stderr)
        self.assertIn("\n/bin/sh -c 'echo '\\''not this'\\'''\n", done.stderr)
        self.assertIn("output out/file was a file of 6 bytes\n", done.stderr)
        done = self.run_action(action, "--shell", "--sandbox", "folder", given="cat in; pwd -P")
        self.assertEqual(done.returncode, 0, done.stderr)
        read, place = done.stdout.splitlines()
        self.assertEqual(read, "input")
        self.assertTrue(place.startswith(f"{self.temporary.resolve()}/kiln-run-"), place)

    def test_the_command_that_is_printed_can_be_pasted(self):
        kept = self.folder / "kept"
        action = shell("printf '<%s>' \"$@\" '$HOME' > out", outputs=["out"])
        line = next(line for line in self.run_action(action, "--shell").stderr.splitlines() if line.startswith("/bin/sh"))
        done = self.run_action(action, "--shell", "--folder", kept, given=line + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((kept / "root/out").read_text(), "<$HOME>")

    def test_a_shell_at_a_terminal_has_one_of_its_own_with_its_keys(self):
        action = shell("true").store(self.server.address)
        ours, theirs = pty.openpty()
        with open(ours, "r", encoding="utf-8", errors="replace", newline="") as screen:
            with subprocess.Popen(self.command(action.name, "--shell"), env=self.environment(), stdin=theirs, stdout=theirs,
                                  stderr=theirs, start_new_session=True, preexec_fn=die_with_the_test) as running:
                os.close(theirs)
                said = Seen(screen)
                # Two words for each, so that what is typed and echoed is not taken for what is answered.
                os.write(ours, b"test -t 0 && test -t 2 && echo ter''minal\n")
                said.expect(self, "terminal\r\n")
                # It says so itself: before it is in the foreground, a key is nobody's.
                os.write(ours, b"sh -c \"echo u''p; exec sleep 100000\"\n")
                said.expect(self, "up\r\n")
                os.write(ours, b"\x03")
                os.write(ours, b"echo ag''ain; exit 4\n")
                said.expect(self, "again\r\n")
                self.assertEqual(running.wait(PATIENCE_SECONDS), 4, said.text)
        self.assert_nothing_stays()

    # Words that mean nothing.

    def test_what_cannot_be_asked_is_refused_in_one_line(self):
        good = shell("true").name
        for words, said, code in (([], "kiln run HOST:PORT HASH/SIZE", USAGE),
                                  ([self.server.address], "kiln run HOST:PORT HASH/SIZE", USAGE),
                                  ([self.server.address, "abc/1"], '"abc/1" is no digest of an action', USAGE),
                                  ([self.server.address, good, "--sandbox", "none"], '--sandbox "none"', USAGE),
                                  (["nowhere", good], "grpc://host:port", USAGE),
                                  (["127.0.0.1:1", good], "UNAVAILABLE", UNAVAILABLE)):
            done = subprocess.run([BINARY, "run", *words], env=self.environment(), capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=False)
            self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
            self.assertIn(said, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assert_nothing_stays()


class Seen(Heard):
    """What stands on a terminal. It ends by an error, when nobody has the other side any more."""

    def _read(self, pipe):
        try:
            while True:
                piece = os.read(pipe.fileno(), 4096).decode(errors="replace")
                if not piece:
                    break
                with self._changed:
                    self._text += piece
                    self._changed.notify_all()
        except OSError:
            pass
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def expect(self, test, words):
        test.assertTrue(self.wait_for(lambda text: words in text, PATIENCE_SECONDS), self.text)


if __name__ == "__main__":
    sys.exit(not unittest.main(exit=False).result.wasSuccessful())
