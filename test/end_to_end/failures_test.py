#!/usr/bin/env python3
"""Whatever keeps a server from starting ends it with one sentence that names the thing, and leaves nothing behind."""

import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from kiln_process import Kiln  # noqa: E402: found beside this file

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
BUILD = pathlib.Path(BINARY).resolve().parents[1]
PLUGINS = BUILD / "lib/kiln/plugins"
BAD_PLUGINS = BUILD / "test/bad_plugins"

NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
LOG_LINE = re.compile(r"^(\{|\S+ (error|warn|info|debug) )", re.IGNORECASE)
TRACES = ("terminate called", "what():", "Aborted", "Segmentation", "Traceback", "backtrace", "core dumped")

NODE = """\
stores:
  blobs: {{type: filesystem, path: {data}/blobs, capacity: 1GiB}}
  {store}
transports:
  public: {{type: grpc, listen: ["127.0.0.1:0"]}}
serve: {{content: {content}}}
{more}
"""


class Failures(unittest.TestCase):
    """Each test starts a server in an empty world (home, working and temporary folder) that has to stay empty."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-failures-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.folder.chmod(0o755)
        self.world = self.folder / "world"
        self.world.mkdir()
        self.data = self.folder / "data"

    # What a test says.

    def node(self, store="", content="blobs", more=""):
        """The path of a configuration that is good but for what is given."""
        return self.file("node.yaml", NODE.format(data=self.data, store=store, content=content, more=more))

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def run_kiln(self, *args, before=(), plugins=None):
        environment = {"HOME": str(self.world), "TMPDIR": str(self.world), "PATH": os.environ["PATH"],
                       "KILN_PLUGINS": str(plugins or PLUGINS)}
        return subprocess.run([*before, BINARY, *map(str, args)], env=environment, cwd=self.world,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)

    def serve(self, *args, **how):
        return self.run_kiln("serve", "--profile", "cache", "--data", self.data, "--listen", "127.0.0.1:0",
                             "--capacity", "1GiB", *args, **how)

    def assert_refused(self, ended, *names):
        """It ended by itself, in one sentence with all these names, and nothing was begun."""
        everything = f"\nexit code {ended.returncode}\nstdout: {ended.stdout}\nstderr: {ended.stderr}"
        self.assertGreater(ended.returncode, 0, everything)
        self.assertNotIn("listens on", ended.stdout, everything)
        spoken = [line for line in ended.stderr.splitlines() if line and not LOG_LINE.match(line)]
        self.assertEqual(len(spoken), 1, everything)
        self.assertTrue(spoken[0].startswith("kiln: "), everything)
        for name in names:
            self.assertIn(str(name), spoken[0], everything)
        for trace in TRACES:
            self.assertNotIn(trace, ended.stderr, everything)
        self.assertEqual(sorted(self.world.rglob("*")), [], everything)

    def assert_data_untouched(self):
        self.assertFalse(self.data.exists(), "the data folder was made although nothing could be served")

    # Configurations.

    def test_malformed_yaml_is_named_with_its_line(self):
        path = self.file("node.yaml", "stores:\n  blobs: {type: filesystem, path: [\n")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:")

    def test_an_unknown_key_is_named_and_so_is_its_neighbour(self):
        path = self.node(store=f"more: {{type: filesystem, path: {self.data}/more, capasity: 1GiB}}")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:3:", "capasity", "capacity")
        self.assert_data_untouched()

    def test_an_unknown_section_is_named_and_so_is_its_neighbour(self):
        path = self.node(more="drian: 3s")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:7:", "drian", "drain")
        self.assert_data_untouched()

    def test_an_unknown_kind_of_store_is_named_and_so_is_its_neighbour(self):
        path = self.node(store="more: {type: filesytem, path: /nowhere}")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:3:", "filesytem", "filesystem")
        self.assert_data_untouched()

    def test_a_value_of_the_wrong_type_is_named(self):
        path = self.node(store=f"more: {{type: filesystem, path: {self.data}/more, io_threads: plenty}}")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:3:", "io_threads", "plenty")
        self.assert_data_untouched()

    def test_a_value_out_of_bounds_is_named(self):
        path = self.node(store=f"more: {{type: filesystem, path: {self.data}/more, io_threads: 5000}}")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:3:", "io_threads", "5000")
        self.assert_data_untouched()

    def test_stores_in_a_circle_are_named(self):
        path = self.node(store="one: {type: verify, inner: two}\n  two: {type: verify, inner: one}", content="one")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:", "one", "two")
        self.assert_data_untouched()

    def test_a_store_that_nobody_described_is_named(self):
        path = self.node(content="blob")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:6:", "blob", "blobs")
        self.assert_data_untouched()

    def test_a_variable_without_a_value_is_named(self):
        path = self.node(store="more: {type: filesystem, path: \"${KILN_NOT_SET}/more\"}")
        self.assert_refused(self.run_kiln("serve", path), f"{path}:3:", "KILN_NOT_SET")

    def test_a_file_that_is_not_there_is_named(self):
        self.assert_refused(self.run_kiln("serve", self.folder / "none.yaml"), self.folder / "none.yaml")

    def test_a_profile_that_is_none_is_named(self):
        self.assert_refused(self.run_kiln("serve", "--profile", "cash"), "cash", "cache")

    def test_a_property_that_no_worker_could_offer_is_named(self):
        self.assert_refused(self.serve("--property", "pool=large"), "pool=large", "worker")
        self.assert_data_untouched()

    def test_a_property_without_a_value_is_named(self):
        self.assert_refused(self.run_kiln("worker", "--scheduler", "127.0.0.1:1", "--cache", "127.0.0.1:1",
                                          "--data", self.data, "--property", "pool"), "--property \"pool\"",
                            "NAME=VALUE")

    # Workers.

    def worker(self, *args):
        return self.run_kiln("worker", "--data", self.data, "--capacity", "1GiB", *args)

    def token(self, text="0123456789abcdef0123456789abcdef"):
        return self.file("token", text)

    def test_a_worker_that_is_told_nothing_names_the_options(self):
        self.assert_refused(self.worker(), "--scheduler HOST:PORT")
        self.assert_refused(self.worker("--scheduler", "localhost:1"), "--cache HOST:PORT")
        self.assert_data_untouched()

    def test_an_endpoint_that_is_none_is_named(self):
        for endpoint in ("http://localhost:8981", "localhost", "localhost:99999"):
            ended = self.worker("--scheduler", endpoint, "--cache", "localhost:1", "--worker-token", self.token())
            self.assert_refused(ended, "scheduler:", endpoint, "grpc://host:port")
        ended = self.worker("--scheduler", "localhost:1", "--cache", "https://cache", "--worker-token", self.token())
        self.assert_refused(ended, "--cache:", "https://cache")
        self.assert_data_untouched()

    def test_a_token_that_is_not_there_is_named(self):
        ended = self.worker("--scheduler", "localhost:1", "--cache", "localhost:1", "--worker-token",
                            self.folder / "none")
        self.assert_refused(ended, self.folder / "none", "--worker-token")

    def test_a_cache_is_no_scheduler_and_a_worker_says_so(self):
        with Kiln(BINARY, ["serve", "--profile", "cache", "--data", self.folder / "other", "--listen", "127.0.0.1:0",
                           "--capacity", "1GiB"]) as cache:
            ended = self.worker("--scheduler", cache.address, "--cache", cache.address, "--worker-token", self.token())
            self.assert_worker_ended(ended, cache.address, "takes no workers", "--scheduler")

    def test_a_worker_with_another_token_ends_and_says_so(self):
        with Kiln(BINARY, ["serve", "--profile", "scheduler", "--data", self.folder / "other", "--listen",
                           "127.0.0.1:0", "--workers", "127.0.0.1:0", "--capacity", "1GiB"]) as scheduler:
            joins_at = scheduler.wait_for(r"kiln takes workers on ([^;]+);")[1]
            ended = self.worker("--scheduler", joins_at, "--cache", scheduler.address, "--worker-token", self.token())
            self.assert_worker_ended(ended, joins_at, "token", "--worker-token")

    def assert_worker_ended(self, ended, *names):
        """The same of one that had begun: it says why, and leaves nothing of its own running."""
        spoken = [line for line in ended.stderr.splitlines() if line and not LOG_LINE.match(line)]
        self.assertEqual(ended.returncode, 69, ended.stderr)
        self.assertEqual(len(spoken), 1, ended.stderr)
        for name in names:
            self.assertIn(str(name), spoken[0], ended.stderr)
        self.assertNotRegex(ended.stderr, r"again_in=\d+ns")

    # Plugins.

    def plugins_with(self, bad):
        """A folder with our own plugins and one more."""
        folder = self.folder / "plugins"
        folder.mkdir()
        for plugin in PLUGINS.glob("kiln_*.so"):
            (folder / plugin.name).symlink_to(plugin)
        if bad:
            name = f"kiln_store_zz_{bad}.so"
            shutil.copy(BAD_PLUGINS / bad / name, folder / name)
            return folder, folder / name
        return folder, folder / "kiln_store_zz.so"

    def test_a_plugin_of_another_release_is_named(self):
        folder, path = self.plugins_with("wrong_abi")
        self.assert_refused(self.serve(plugins=folder), path, "kiln-contract-0 of-another-release")
        self.assert_data_untouched()

    def test_a_plugin_that_throws_while_it_is_loaded_is_named(self):
        folder, path = self.plugins_with("throwing_load")
        self.assert_refused(self.serve(plugins=folder), path, "thrown while loading")
        self.assert_data_untouched()

    def test_a_plugin_whose_schema_throws_is_named(self):
        folder, path = self.plugins_with("throwing_schema")
        self.assert_refused(self.serve(plugins=folder), path, "throwing_schema")
        self.assert_data_untouched()

    def test_a_plugin_that_throws_when_it_is_spawned_is_named_by_its_store(self):
        folder, _ = self.plugins_with("throwing_spawn")
        path = self.node(store="moody: {type: throwing_spawn}", content="moody")
        self.assert_refused(self.run_kiln("serve", path, plugins=folder), "moody", "no moon tonight")

    def test_a_plugin_with_a_name_that_is_taken_is_named(self):
        folder, path = self.plugins_with("taken_name")
        self.assert_refused(self.serve(plugins=folder), path, "\"memory\"")
        self.assert_data_untouched()

    def test_a_library_that_is_no_plugin_is_named(self):
        folder, path = self.plugins_with("no_descriptor")
        self.assert_refused(self.serve(plugins=folder), path, "kiln_plugin")
        self.assert_data_untouched()

    def test_a_file_that_is_no_library_is_named(self):
        folder, path = self.plugins_with(None)
        path.write_text("this is a text\n")
        self.assert_refused(self.serve(plugins=folder), path)
        self.assert_data_untouched()

    def test_a_plugin_folder_that_is_not_there_is_named(self):
        self.assert_refused(self.serve(plugins=self.folder / "none"), self.folder / "none")
        self.assert_data_untouched()

    # The machine.

    def test_a_taken_port_is_named(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            ended = self.run_kiln("serve", "--profile", "cache", "--data", self.data, "--listen", address,
                                  "--capacity", "1GiB")
        self.assert_refused(ended, address)

    def test_an_address_that_is_none_is_named(self):
        ended = self.run_kiln("serve", "--profile", "cache", "--data", self.data, "--listen", "here",
                              "--capacity", "1GiB")
        self.assert_refused(ended, "here")

    def test_a_data_folder_that_is_a_file_is_named_and_left_alone(self):
        self.data.write_text("mine\n")
        self.assert_refused(self.serve(), self.data)
        self.assertEqual(self.data.read_text(), "mine\n")

    @unittest.skipUnless(os.geteuid() == 0, "only root can become somebody else")
    def test_a_data_folder_of_somebody_else_is_named_and_left_alone(self):
        if subprocess.run([*NOBODY, "test", "-x", BINARY], check=False).returncode != 0:
            self.skipTest(f"nobody may not run {BINARY}")
        self.data.mkdir(mode=0o755)
        self.assert_refused(self.serve(before=NOBODY), self.data)
        self.assertEqual(list(self.data.iterdir()), [])

    def test_a_data_folder_in_use_is_named_and_its_server_stays(self):
        with Kiln(BINARY, data=self.data) as first:
            self.assert_refused(self.serve(), f"{self.data}/blobs")
            with socket.create_connection(("127.0.0.1", first.port)):
                pass
            self.assertEqual(first.stop(), 0)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a small disk")
    def test_a_full_disk_is_named(self):
        self.data.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", self.data],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no small disk can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.data], check=True)
        with open(self.data / "filler", "wb", buffering=0) as filler, self.assertRaises(OSError):
            while True:
                filler.write(bytes(4096))
        ended = self.serve()
        self.assert_refused(ended, self.data)
        self.assertIn("No space left", ended.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "only root can mount a disk read-only")
    def test_a_read_only_disk_is_named(self):
        self.data.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", self.data],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"no disk can be mounted here: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", self.data], check=True)
        self.assert_refused(self.serve(), self.data)


if __name__ == "__main__":
    unittest.main()
