#!/usr/bin/env python3
"""What the commands say to whoever mistypes them, and what they print to whoever reads them through a pipe."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kiln_process import Kiln  # noqa: E402: found beside this file

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
LONG = "x" * 100_000
USAGE, UNAVAILABLE = 64, 69


def said(flag, value):
    """In the one way that lets the value be empty, and in the other, that lets it begin like a flag."""
    return [f"{flag}={value}"] if value else [flag, value]


class Commands(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-commands-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_kiln(self, *args, **environment):
        return subprocess.run([BINARY, *map(str, args)], env={**os.environ, **environment}, cwd=self.folder,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)

    def assert_refused(self, args, *names, code=USAGE, **environment):
        """In one line that a terminal can show, with all these names; nothing was begun."""
        ended = self.run_kiln(*args, **environment)
        everything = f"{args!r:.200}\nexit code {ended.returncode}\nstdout: {ended.stdout}\nstderr: {ended.stderr:.2000}"
        self.assertEqual(ended.returncode, code, everything)
        self.assertEqual(ended.stdout, "", everything)
        self.assertEqual(ended.stderr.count("\n"), 1, everything)
        self.assertTrue(ended.stderr.startswith("kiln: "), everything)
        self.assertLess(len(ended.stderr), 600, everything)
        for name in names:
            self.assertIn(name, ended.stderr, everything)
        self.assertEqual(list(self.folder.iterdir()), [], everything)

    # Describe.

    def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(self):
        for kind, wrong, meant in (("store", "filesytem", "filesystem"), ("store", "memmory", "memory"),
                                   ("transport", "grcp", "grpc")):
            self.assert_refused(["describe", kind, wrong], f'there is no {kind} "{wrong}"', f'did you mean "{meant}"?')
        self.assert_refused(["describe", "stroe"], '"stroe"', 'did you mean "store"?')

    def test_a_name_like_no_other_is_answered_with_all_that_are_known(self):
        self.assert_refused(["describe", "store", "zzz"], "memory, mirror, noop, range_cache, read_only, redis")
        self.assert_refused(["describe", "store", LONG], "memory, mirror, noop, range_cache, read_only, redis")
        self.assert_refused(["describe", "zzzzzz"], "known are node, store, transport")

    def test_a_name_that_is_right_is_described(self):
        told = self.run_kiln("describe", "store", "filesystem")
        self.assertEqual((told.returncode, told.stderr), (0, ""))
        self.assertIn("capacity (size or percentage", told.stdout)
        self.assertNotIn("transport", told.stdout.splitlines()[0])

    def test_the_node_has_no_name(self):
        self.assert_refused(["describe", "node", "mine"], '"mine"', "kiln describe node")

    # Bench.

    def test_bench_into_a_pipe_prints_whole_lines_and_draws_nothing(self):
        with Kiln(BINARY) as server:
            ended = self.run_kiln("bench", server.address, "--only", "capabilities,find_missing_100", "--seconds", "0.05",
                                  "--rounds", "2", "--pid", server.pid)
        self.assertEqual(ended.returncode, 0, ended.stderr)
        self.assertNotIn("\r", ended.stderr + ended.stdout)
        for words in ("preparing", "round 1 of"):
            self.assertNotIn(words, ended.stderr)
        told = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual([one["workload"] for one in told], ["capabilities"] * 2 + ["find_missing_100"] * 2)
        for one in told:
            self.assertEqual(one["errors"], 0)
            self.assertGreater(one["operations"], 0)
            self.assertIn("server_cpu_us", one)
        self.assertEqual(len(ended.stderr.splitlines()), 4, ended.stderr)

    def test_bench_runs_all_workloads_of_a_kind(self):
        with Kiln(BINARY) as server:
            ended = self.run_kiln("bench", server.address, "--only", "capabilities,batch", "--seconds", "0.05")
        self.assertEqual(ended.returncode, 0, ended.stderr)
        told = [json.loads(line)["workload"] for line in ended.stdout.splitlines()]
        self.assertEqual(told, ["capabilities", "batch_update", "batch_read"])

    def test_bench_names_the_flag_the_value_and_what_may_be(self):
        for flag, limits, wrong in (("--seconds", "from 0.01 to 86400", ("nan", "inf", "0", "-1", "1e300", "soon", "")),
                                    ("--rounds", "from 1 to 1000", ("0", "-1", "1.5", "1001", " ")),
                                    ("--in-flight", "from 1 to 10000", ("0", "10001", "many")),
                                    ("--pid", "from 1 to 2147483647", ("0", "-1", "2147483648")),
                                    ("--seed", "from 0 to 18446744073709551615", ("-1", "18446744073709551616", LONG))):
            for value in wrong:
                self.assert_refused(["bench", "localhost:1", *said(flag, value)], flag, limits, f'"{value[:50]}')
        self.assert_refused(["bench", "localhost:1", "--pid", 2**31 - 1], "--pid 2147483647", "no such process")
        self.assert_refused(["bench", "--process-start", "--in-flight", 5000], "--in-flight 5000", "at most")

    def test_bench_names_a_target_and_a_workload_that_are_none(self):
        self.assert_refused(["bench"], "kiln bench HOST:PORT")
        self.assert_refused(["bench", ""], "target", "empty")
        for target in ("localhost", "localhost:0", "localhost:65536", "http://localhost:1", "local host:1", f"{LONG}:1"):
            self.assert_refused(["bench", target], f'"{target[:50]}', "expected grpc://host:port")
        self.assert_refused(["bench", "localhost:1", "--only", "capabilites"], '"capabilites"', "capabilities")
        self.assert_refused(["bench", "localhost:1", "--only", LONG], "there are ")

    def test_bench_names_an_instance_that_no_message_could_carry(self):
        for instance, words in ((b"a\xff", "no UTF-8"), ("blobs", "keyword"), (LONG, "the limit")):
            ended = subprocess.run([BINARY, "bench", "localhost:1", "--instance", instance], stdin=subprocess.DEVNULL,
                                   capture_output=True, timeout=60, check=False)
            self.assertEqual(ended.returncode, USAGE)
            self.assertRegex(ended.stderr, b"^kiln: --instance: .*" + words.encode())
            self.assertEqual(ended.stderr.count(b"\n"), 1)

    # Serve and worker.

    def test_a_value_for_a_profile_is_refused_by_its_flag(self):
        for flag, value, words in (("--listen", "here", "it names no port"),
                                   ("--listen", "127.0.0.1:65536", "65535"),
                                   ("--listen", "127.0.0.1 :1", "no host"),
                                   ("--listen", "127.0.0.1\n:1", "no host"),
                                   ("--listen", f"{LONG}:1", "253"),
                                   ("--listen", f"unix:{LONG}", "107"),
                                   ("--capacity", "50", "no unit"),
                                   ("--capacity", "0%", "1% to 100%"),
                                   ("--capacity", "-1GiB", "whole number with a unit"),
                                   ("--capacity", LONG, "whole number with a unit"),
                                   ("--data", "~/kiln", "$HOME"),
                                   ("--data", LONG, "4095"),
                                   ("--plugins", LONG, "4095"),
                                   ("--profile", LONG, "all_in_one")):
            self.assert_refused(["serve", f"{flag}={value}"], flag[2:], value[:9].partition("\n")[0], words)
        for flag, value, words in (("--slots", "0", "1 to 65536"), ("--slots", "-1", "1 to 65536"),
                                   ("--name", LONG, "255"), ("--cache", "first", "it names no port"),
                                   ("--worker-token", LONG, "4095")):
            given = {"--scheduler": "first:1", "--cache": "first:2", flag: value}
            self.assert_refused(["worker", *(f"{name}={text}" for name, text in given.items())], flag, value[:9], words)

    def test_what_the_environment_says_is_refused_by_its_name(self):
        self.assert_refused(["serve"], "KILN_CAPACITY of the environment", '"50"', KILN_CAPACITY="50")

    def test_an_empty_value_is_not_the_default(self):
        for flag in ("--listen", "--data", "--capacity", "--plugins", "--profile"):
            for nothing in ("", " "):
                self.assert_refused(["serve", *said(flag, nothing)], flag, "is empty")
        for command in ("serve", "check", "worker"):
            self.assert_refused([command, ""], "config", "is empty")
        for args in (["describe", ""], ["describe", "store", ""]):
            self.assert_refused(args, "is empty")

    def test_a_flag_that_nothing_would_read_is_refused(self):
        self.assert_refused(["serve", "--profile", "cache", "--workers", "127.0.0.1:0"], "--workers", "scheduler")

    def test_a_file_and_a_profile_exclude_each_other(self):
        self.assert_refused(["serve", "none.yaml", "--profile", "cache"], "--profile", "config")

    def test_properties_are_refused_by_their_flag(self):
        for wrong in ("", "=", "=large", "pool", LONG):
            self.assert_refused(["serve", *said("--property", wrong)], "--property", "NAME=VALUE")

    # What all of them have in common.

    def test_folders_and_files_that_are_none_are_named(self):
        self.assert_refused(["check", "none.yaml"], "none.yaml", "No such file")
        self.assert_refused(["check", "/"], "configuration /", "is it a file?")
        self.assert_refused(["describe", "--plugins", "none"], "plugin folder none", "No such file", code=UNAVAILABLE)
        self.assert_refused(["describe", "--plugins", "/dev"], "plugin folder /dev", "no plugin in it", code=UNAVAILABLE)

    def test_what_is_no_flag_is_refused_with_the_way_to_those_that_are(self):
        for args in (["serve", "--lisen", "here"], ["node.yaml"], ["check"], ["check", "a", "b"], ["bench", "--rounds"]):
            self.assert_refused(args, "see kiln --help")


if __name__ == "__main__":
    unittest.main()
