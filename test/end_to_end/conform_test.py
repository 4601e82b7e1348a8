#!/usr/bin/env python3
"""`kiln conform` against Kiln: the all-in-one profile, a server with every option on, and a small cache to fill."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest

from kiln_process import Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))

TLS_NODE = """
stores:
  blobs: {{type: memory, capacity: 64MiB}}
  results: {{type: memory, capacity: 16MiB}}
transports:
  public: {{type: grpc, listen: ["127.0.0.1:0"], tls: {{cert: {cert}, key: {key}}}}}
serve: {{content: blobs, results: results}}
"""

# What Kiln does otherwise on purpose; docs/conformance.md tells why.
DEVIATIONS = set()


def conform(folder, *words):
    """Runs the suite. Returns the finished process, and its report if it made one."""
    report = pathlib.Path(folder) / "report.json"
    done = subprocess.run([BINARY, "conform", "--report", str(report), *words], capture_output=True, text=True,
                          timeout=300, check=False)
    return done, json.loads(report.read_text()) if report.exists() else None


class Conformance(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-conform-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def pass_all(self, target, *words):
        """Demands that no rule fails. Returns outcomes by number."""
        done, report = conform(self.folder, target, *words)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        outcomes = {rule["rule"]: rule["outcome"] for rule in report["rules"]}
        failed = {number for number, outcome in outcomes.items() if outcome == "FAIL"}
        self.assertEqual(failed, failed & DEVIATIONS, done.stdout)
        return outcomes

    def test_all_in_one_passes(self):
        with Kiln(BINARY) as server:
            outcomes = self.pass_all(server.address, "--quick")
        passed = sum(outcome == "pass" for outcome in outcomes.values())
        self.assertGreater(passed, 0.75 * len(outcomes))
        # There was a worker, so the rules about actions were asked: this one is about do_not_cache.
        self.assertEqual(outcomes[139], "pass")

    def test_a_small_cache_may_be_filled(self):
        args = ["serve", "--profile", "cache", "--listen", "127.0.0.1:0", "--data", f"{self.folder}/data",
                "--capacity", "64MiB"]
        with Kiln(BINARY, args) as server:
            outcomes = self.pass_all(server.address, "--fill", "64MiB", "--only", "26,47,67")
        self.assertEqual((outcomes[26], outcomes[47]), ("pass", "pass"))

    def test_it_speaks_tls(self):
        cert, key, config = (pathlib.Path(self.folder) / name for name in ("cert.pem", "key.pem", "node.yaml"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=kiln", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key,
                        "-out", cert], check=True, capture_output=True)
        config.write_text(TLS_NODE.format(cert=cert, key=key))
        with Kiln(BINARY, ["serve", config]) as server:
            self.assertEqual(self.pass_all(server.address, "--tls-ca", str(cert), "--only", "23"), {23: "pass"})
            done, _ = conform(self.folder, server.address, "--only", "23")
            self.assertEqual(done.returncode, 69, done.stdout)

    def test_a_server_that_is_not_there_is_no_failed_rule(self):
        done, report = conform(self.folder, "127.0.0.1:1")
        self.assertEqual((done.returncode, report), (69, None))
        self.assertIn("UNAVAILABLE", done.stderr)

    def test_words_that_mean_nothing_are_refused(self):
        for words in (["127.0.0.1:1", "--only", "999"], ["127.0.0.1:1", "--fill", "much"], []):
            done, report = conform(self.folder, *words)
            self.assertEqual((done.returncode, report), (64, None), done.stderr)


if __name__ == "__main__":
    unittest.main()
