#!/usr/bin/env python3
"""Real Bazel gets its external files through Kiln: fetched once from a server of the web, and then without it."""

import hashlib
import http.server
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

from kiln_process import Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))

CONFIGURATION = """
stores:
  blobs: {{type: filesystem, path: "{data}/blobs", capacity: 1GiB}}
  results: {{type: filesystem, path: "{data}/results", capacity: 64MiB}}
transports:
  public: {{type: grpc, listen: ["127.0.0.1:0"]}}
serve:
  content: blobs
  results: results
  remote_asset: {{fetch: {{hosts: ["{host}"], schemes: [http]}}}}
"""

WORKSPACE = """
load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive", "http_file")
http_archive(name = "archive", urls = ["{url}/none.tar", "{url}/archive.tar"], sha256 = "{archive}")
http_file(name = "text", urls = ["{url}/text"], sha256 = "{text}")
"""

BUILD = """
genrule(name = "both", srcs = ["@archive//:word", "@text//file"], outs = ["both.txt"], cmd = "cat $(SRCS) > $@")
"""


def archive():
    """A repository of two files."""
    into = io.BytesIO()
    with tarfile.open(fileobj=into, mode="w") as tar:
        for name, content in (("WORKSPACE", b""), ("BUILD", b'exports_files(["word"])\n'), ("word", b"from the archive\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return into.getvalue()


class Web:
    """A server of the web on this machine, and who has asked it for what."""

    def __init__(self, files):
        asked = self.asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.headers.get("User-Agent"), self.path))
                content = files.get(self.path)
                self.send_response(200 if content else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self.host = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class RemoteAsset(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-asset-"))
        self.root = self.folder / "workspace"
        self.root.mkdir()
        (self.root / "BUILD").write_text(BUILD)
        self.files = {"/archive.tar": archive(), "/text": b"from the file\n"}
        self.bases = []

    def tearDown(self):
        for base in self.bases:
            subprocess.run(["bazel", f"--output_base={base}", "shutdown"], cwd=self.root, capture_output=True, check=False)
            subprocess.run(["chmod", "-R", "u+w", str(base)], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write_workspace(self, web):
        sums = {name: hashlib.sha256(self.files[path]).hexdigest()
                for name, path in (("archive", "/archive.tar"), ("text", "/text"))}
        (self.root / "WORKSPACE").write_text(WORKSPACE.format(url=f"http://{web.host}", **sums))

    def kiln(self, host):
        configuration = self.folder / "kiln.yaml"
        configuration.write_text(CONFIGURATION.format(data=self.folder / "data", host=host))
        return Kiln(BINARY, ["serve", str(configuration)])

    def build(self, kiln, base):
        base = self.folder / base
        self.bases.append(base)
        return subprocess.run(["bazel", "--max_idle_secs=60", f"--output_base={base}", "build", "//:both", "--color=no",
                               "--curses=no", "--noshow_progress", "--symlink_prefix=/", "--repository_cache=",
                               "--spawn_strategy=standalone", f"--remote_cache=grpc://{kiln.address}",
                               f"--experimental_remote_downloader=grpc://{kiln.address}"],
                              cwd=self.root, capture_output=True, text=True, timeout=300, check=False), base

    def built(self, kiln, base):
        done, base = self.build(kiln, base)
        self.assertEqual(done.returncode, 0, done.stderr[-4000:] + kiln.log)
        found = list(base.glob("execroot/*/bazel-out/*/bin/both.txt"))
        self.assertEqual(found[0].read_text(), "from the archive\nfrom the file\n")

    def test_fetches_for_bazel_once_and_then_does_without_the_web(self):
        web = Web(self.files)
        self.write_workspace(web)
        with self.kiln(web.host) as kiln:
            with web:
                self.built(kiln, "first")
            self.assertEqual(sorted(web.asked), [("kiln", "/archive.tar"), ("kiln", "/none.tar"), ("kiln", "/text")])
            self.built(kiln, "second")

    def test_asks_no_host_that_is_not_listed(self):
        with Web(self.files) as web, self.kiln("example.com") as kiln:
            self.write_workspace(web)
            done, _ = self.build(kiln, "refused")
            self.assertNotEqual(done.returncode, 0)
            self.assertEqual(web.asked, [])


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=2))
