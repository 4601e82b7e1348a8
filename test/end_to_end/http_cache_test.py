#!/usr/bin/env python3
"""HTTP at the port of gRPC, with clients as they are: curl, ccache, sccache, Prometheus, and Bazel by both ways; each
alone and all at once."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
import urllib.parse
import urllib.request

from bazel_test import Bazel
from kiln_process import Heard, Kiln

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))

SAMPLE = re.compile(r"^([a-z_:][a-z0-9_:]*)(\{[a-z0-9_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\""
                    r"(?:,[a-z0-9_]+=\"(?:[^\"\\\n]|\\[\\\"n])*\")*\})? (\S+)$")


# Those that `make test` fetches (fetch_clients). Who has none goes without.
CLIENTS = pathlib.Path(BINARY).resolve().parents[1] / "clients"


def client(name):
    path = CLIENTS / name
    if not path.exists():
        raise unittest.SkipTest(f"there is no {name}")
    return path


class Prometheus:
    """A real one, which scrapes a kiln every second."""

    def __init__(self, folder, kiln):
        folder.mkdir()
        self._kiln = kiln
        config = folder / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: 1s}}
scrape_configs: [{{job_name: kiln, static_configs: [{{targets: ["{kiln.address}"]}}]}}]
""")
        self._command = [client("prometheus"), f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}",
                         "--web.listen-address=127.0.0.1:0"]

    def __enter__(self):
        self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.PIPE, text=True)
        self._log = Heard(self._process.stderr)
        found = self._log.wait_for(lambda text: re.search(r'msg="Listening on" address=(\S+)', text), 60)
        if not found:
            self.__exit__()
            raise AssertionError(f"prometheus does not listen: {self._log.text}")
        self._address = found[1]
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._log.join()

    def value_of(self, query):
        """After a scrape that began after this was asked."""
        seen = self._kiln.log.count("GET /metrics")
        # One may be under way; the one after it begins when that is stored, and so does the third.
        self._kiln.wait_for_log("GET /metrics", seen + 3)
        with urllib.request.urlopen(f"http://{self._address}/api/v1/query?query={urllib.parse.quote(query)}") as answer:
            found = json.load(answer)["data"]["result"]
        if len(found) != 1:
            raise AssertionError(f"{query} gave {found}")
        return float(found[0]["value"][1])


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def curl(*args, content=None):
    """-> status, body."""
    done = subprocess.run(["curl", "-sS", "--max-time", "60", "-w", "\n%{http_code}", *map(str, args)], input=content,
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"curl {args} ended with {done.returncode}: {done.stderr.decode()}")
    body, _, status = done.stdout.rpartition(b"\n")
    return int(status), body


class Served(unittest.TestCase):
    """A kiln, and what clients do with it."""

    def command(self):
        return ["serve", "--profile", "cache", "--data", self.folder / "data", "--listen", "127.0.0.1:0", "--capacity",
                "4GiB"]

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-http-"))
        self.kiln = Kiln(BINARY, self.command())
        self.kiln.start()
        self.url = f"http://{self.kiln.address}"

    def tearDown(self):
        self.kiln.__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def file_of(self, content):
        path = self.folder / "content"
        path.write_bytes(content)
        return path

    def compile_with_ccache(self):
        source = self.folder / "for_ccache.c"
        source.write_text(f"int twice(int x) {{ return 2 * x; }}\n/* {os.urandom(8).hex()} */\n")
        said = {}
        for machine in ("first", "second"):
            folder = self.folder / machine
            environment = dict(os.environ, CCACHE_DIR=str(folder), CCACHE_REMOTE_STORAGE=f"{self.url}/ccache",
                               CCACHE_CONFIGPATH="/dev/null")
            for key in ("CCACHE_DISABLE", "CCACHE_READONLY"):
                environment.pop(key, None)
            subprocess.run(["ccache", "gcc", "-c", source, "-o", self.folder / "ccache.o"], env=environment, check=True)
            said[machine] = subprocess.run(["ccache", "--print-stats"], env=environment, check=True,
                                           capture_output=True, text=True).stdout
        stats = {machine: dict(line.split("\t") for line in text.splitlines() if "\t" in line)
                 for machine, text in said.items()}
        self.assertEqual(stats["first"]["remote_storage_hit"], "0", said)
        self.assertGreater(int(stats["second"]["remote_storage_hit"]), 0, said)
        self.assertEqual(stats["second"]["cache_miss"], "0", said)
        for each in stats.values():
            self.assertEqual((each["remote_storage_error"], each["remote_storage_timeout"]), ("0", "0"), said)

    def compile_with_sccache(self):
        """Each machine has a server of its own, and no cache but Kiln."""
        sccache = client("sccache")
        source = self.folder / "for_sccache.c"
        source.write_text(f"int thrice(int x) {{ return 3 * x; }}\n/* {os.urandom(8).hex()} */\n")
        for hits in (0, 1):
            environment = dict(os.environ, SCCACHE_WEBDAV_ENDPOINT=f"{self.url}/sccache", SCCACHE_CONF="/dev/null",
                               SCCACHE_SERVER_UDS=str(self.folder / f"sccache-{hits}.sock"), SCCACHE_IDLE_TIMEOUT="120")
            subprocess.run([sccache, "--start-server"], env=environment, check=True, capture_output=True, timeout=60)
            try:
                subprocess.run([sccache, "gcc", "-c", source, "-o", self.folder / "sccache.o"], env=environment,
                               check=True, capture_output=True, timeout=120)
                told = subprocess.run([sccache, "--show-stats", "--stats-format", "json"], env=environment, check=True,
                                      capture_output=True, text=True, timeout=60).stdout
            finally:
                # What is being written is written before it ends.
                subprocess.run([sccache, "--stop-server"], env=environment, check=True, capture_output=True,
                               timeout=120)
            stats = json.loads(told)["stats"]
            self.assertEqual(sum(stats["cache_hits"]["counts"].values()), hits, stats)
            self.assertEqual((stats["cache_write_errors"], stats["cache_read_errors"]), (0, 0), stats)

    def build_with_bazel(self, way):
        folder = self.folder / way
        bazel = Bazel(folder, salt=f"{self._testMethodName} {way}", libraries=6)
        cached = [f"--remote_cache={way}://{self.kiln.address}", "--spawn_strategy=standalone", "--noshow_progress"]
        try:
            cold = bazel.test("cold", *cached, servers=[self.kiln])
            warm = bazel.test("warm", *cached, servers=[self.kiln])
        finally:
            bazel.close()
        self.assertNotIn("remote cache hit", cold)
        self.assertGreater(warm.get("remote cache hit", 0), 20, (way, cold, warm))

    def put_and_get_with_curl(self, over):
        file = self.folder / "for_curl"
        times = 0
        while not over.is_set() or times == 0:
            times += 1
            content = os.urandom(300_000)
            file.write_bytes(content)
            blob = f"{self.url}/cas/{sha256(content)}"
            self.assertEqual(curl("-T", file, blob)[0], 200)
            self.assertEqual(curl(blob), (200, content))


class HttpCache(Served):
    def test_says_where_http_is_spoken(self):
        self.assertIn(f"kiln speaks HTTP at {self.url}\n", self.kiln.output)
        self.assertIn(f"--remote_cache=grpc://{self.kiln.address}\n", self.kiln.output)

    def test_curl_puts_and_gets(self):
        content = os.urandom(3 << 20)
        blob = f"{self.url}/cas/{sha256(content)}"
        self.assertEqual(curl(blob)[0], 404)
        self.assertEqual(curl("-T", self.file_of(content), blob)[0], 200)
        self.assertEqual(curl(blob), (200, content))
        self.assertEqual(curl("-r", "1000-1999", blob), (206, content[1000:2000]))
        self.assertEqual(curl("-I", blob)[0], 200)
        wrong = f"{self.url}/cas/{sha256(b'something else')}"
        status, words = curl("-T", self.file_of(content), wrong)
        self.assertEqual(status, 400)
        self.assertRegex(words.decode(), r"^[^\n]+\n$")
        self.assertEqual(curl(wrong)[0], 404)
        self.assertEqual(curl("-T", "-", blob, content=content)[0], 411)
        self.assertEqual(curl(f"{self.url}/healthz"), (200, b"ok\n"))
        self.assertEqual(curl(f"{self.url}/readyz"), (200, b"ready\n"))

    def test_blobs_outlive_a_restart(self):
        content = os.urandom(100_000)
        self.assertEqual(curl("-T", self.file_of(content), f"{self.url}/cas/{sha256(content)}")[0], 200)
        self.assertEqual(self.kiln.stop(), 0)
        self.kiln.start()
        self.assertEqual(curl(f"http://{self.kiln.address}/cas/{sha256(content)}"), (200, content))

    def test_many_requests_on_one_connection(self):
        connection = http.client.HTTPConnection(self.kiln.address, timeout=60)
        for i in range(300):
            content = os.urandom(i * 37 + 1)
            connection.request("PUT", f"/some/instance/cas/{sha256(content)}", body=content)
            self.assertEqual(connection.getresponse().read(), b"")
            connection.request("GET", f"/cas/{sha256(content)}")
            self.assertEqual(connection.getresponse().read(), content)
        connection.close()

    def test_ccache_finds_what_another_machine_compiled(self):
        self.compile_with_ccache()

    def test_sccache_finds_what_another_machine_compiled(self):
        self.compile_with_sccache()

    def test_what_sccache_sends_by_webdav(self):
        """What sccache 0.8 (OpenDAL) sends when it starts, writes and reads: for where there is none."""
        connection = http.client.HTTPConnection(self.kiln.address, timeout=60)

        def ask(method, path, body=None, **fields):
            connection.request(method, path, body=body, headers=fields)
            answer = connection.getresponse()
            return answer.status, answer.read()

        self.assertEqual(ask("GET", "/.sccache_check")[0], 404)
        status, listing = ask("PROPFIND", "/", Depth="0")
        self.assertEqual(status, 207)
        self.assertIn(b"<D:collection/>", listing)
        self.assertIn(ask("PUT", "/.sccache_check", b"Hello, World!")[0], (200, 201, 204))
        key, content = "a/b/c/" + "abc" + "0" * 61, os.urandom(200_000)
        for folder in ("/a/", "/a/b/", "/a/b/c/"):
            self.assertIn(ask("PROPFIND", folder, Depth="0")[0], (207, 404))
            self.assertIn(ask("MKCOL", folder)[0], (201, 405))
        self.assertEqual(ask("PROPFIND", f"/{key}", Depth="0")[0], 404)
        self.assertIn(ask("PUT", f"/{key}", content)[0], (200, 201, 204))
        self.assertEqual(ask("GET", f"/{key}"), (200, content))
        self.assertEqual(ask("GET", f"/{key}", Range="bytes=0-99"), (206, content[:100]))
        status, stat = ask("PROPFIND", f"/{key}", Depth="0")
        self.assertEqual(status, 207)
        self.assertIn(b"<D:getcontentlength>200000</D:getcontentlength>", stat)
        self.assertIn(b"HTTP/1.1 200 OK", stat)
        connection.close()

    def test_prometheus_understands_every_line(self):
        curl("-T", self.file_of(b"measured"), f"{self.url}/cas/{sha256(b'measured')}")
        connection = http.client.HTTPConnection(self.kiln.address, timeout=60)
        connection.request("GET", "/metrics", headers={"Accept": "text/plain;version=0.0.4"})
        answer = connection.getresponse()
        self.assertTrue(answer.getheader("Content-Type").startswith("text/plain; version=0.0.4"))
        types, samples = {}, {}
        for line in answer.read().decode().splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                self.assertNotIn(name, types)
                self.assertIn(kind, ("counter", "gauge", "histogram"))
                types[name] = kind
                continue
            if line.startswith("# HELP "):
                continue
            found = SAMPLE.match(line)
            self.assertTrue(found, line)
            family = re.sub(r"_(bucket|sum|count)$", "", found[1])
            self.assertTrue(found[1] in types or types.get(family) == "histogram", line)
            float(found[3])
            self.assertNotIn(found[1] + (found[2] or ""), samples)
            samples[found[1] + (found[2] or "")] = float(found[3])
        self.assertGreaterEqual(samples['kiln_calls_total{transport="web",status="OK"}'], 1)
        connection.close()

    def test_prometheus_own_tool_finds_nothing_to_mend(self):
        promtool = client("promtool")
        curl("-T", self.file_of(b"measured"), f"{self.url}/cas/{sha256(b'measured')}")
        checked = subprocess.run([promtool, "check", "metrics"], input=curl(f"{self.url}/metrics")[1],
                                 capture_output=True, check=False, timeout=60)
        self.assertEqual((checked.returncode, checked.stdout, checked.stderr), (0, b"", b""))

    def test_who_is_slow_keeps_nobody_waiting(self):
        silent = [socket.create_connection(("127.0.0.1", self.kiln.port)) for _ in range(200)]
        for each in silent[:100]:
            each.sendall(b"GET /cas/")
        self.assertEqual(curl(f"{self.url}/healthz"), (200, b"ok\n"))
        for each in silent:
            each.close()


class EveryClient(Served):
    def command(self):
        node = self.folder / "node.yaml"
        node.write_text(f"""
stores:
  blobs: {{type: filesystem, path: "{self.folder}/blobs", capacity: 4GiB}}
  results: {{type: filesystem, path: "{self.folder}/results", capacity: 1GiB}}
transports: {{public: {{type: grpc, listen: ["127.0.0.1:0"]}}, web: {{type: http, beside: public}}}}
serve: {{content: blobs, results: results}}
log: {{calls: true}}
""")
        return ["serve", node]

    def test_every_client_at_once_at_one_port(self):
        over = threading.Event()
        with concurrent.futures.ThreadPoolExecutor() as everybody:
            beside = everybody.submit(self.put_and_get_with_curl, over)
            others = [everybody.submit(self.build_with_bazel, way) for way in ("http", "grpc")]
            others.append(everybody.submit(self.compile_with_ccache))
            if (CLIENTS / "sccache").exists():
                others.append(everybody.submit(self.compile_with_sccache))
            try:
                if (CLIENTS / "prometheus").exists():
                    with Prometheus(self.folder / "prometheus", self.kiln) as prometheus:
                        concurrent.futures.wait(others)
                        self.assertEqual(prometheus.value_of("up"), 1)
                        calls = prometheus.value_of('sum(kiln_calls_total{transport="web",status="OK"})')
                        self.assertGreater(calls, 20)
                        calls = prometheus.value_of('sum(kiln_calls_total{transport="public",status="OK"})')
                        self.assertGreater(calls, 20)
            finally:
                concurrent.futures.wait(others)
                over.set()
            for each in (*others, beside):
                each.result()


class Encrypted(unittest.TestCase):
    """One port, one certificate, two protocols, told apart by what the client offers."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-https-"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.folder / "key.pem", "-out",
                        self.folder / "cert.pem"], check=True, capture_output=True)

    def tearDown(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def serve(self, more=""):
        node = self.folder / "node.yaml"
        node.write_text(f"""
stores:
  blobs: {{type: memory, capacity: 64MiB}}
  results: {{type: memory, capacity: 64MiB}}
transports:
  public:
    type: grpc
    listen: ["127.0.0.1:0"]
    tls: {{cert: "{self.folder}/cert.pem", key: "{self.folder}/key.pem"{more}}}
  web: {{type: http, beside: public}}
serve: {{content: blobs, results: results}}
""")
        return Kiln(BINARY, ["serve", node])

    def test_https_and_grpcs_at_one_port(self):
        trust = ["--cacert", self.folder / "cert.pem"]
        with self.serve() as kiln:
            url = f"https://127.0.0.1:{kiln.port}"
            self.assertIn(f"kiln speaks HTTP at {url}\n", kiln.output)
            for protocol in ("--http1.1", "--http2", "--no-alpn"):
                self.assertEqual(curl(*trust, protocol, f"{url}/healthz"), (200, b"ok\n"), protocol)
            content = os.urandom(2 << 20)
            (self.folder / "content").write_bytes(content)
            self.assertEqual(curl(*trust, "-T", self.folder / "content", f"{url}/cas/{sha256(content)}")[0], 200)
            self.assertEqual(curl(*trust, f"{url}/cas/{sha256(content)}"), (200, content))
            self.assertEqual(curl(f"http://127.0.0.1:{kiln.port}/healthz"),
                             (400, b"this port speaks TLS: https:// or grpcs://\n"))
            checked = subprocess.run([BINARY, "conform", f"127.0.0.1:{kiln.port}", "--only", "23", "--tls-ca",
                                      str(self.folder / "cert.pem")], capture_output=True, check=False)
            self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_client_without_a_certificate_does_not_get_in_where_one_is_asked_for(self):
        with self.serve(f', client_ca: "{self.folder}/cert.pem"') as kiln:
            url = f"https://127.0.0.1:{kiln.port}/healthz"
            command = ["curl", "-sS", "--max-time", "60", "--cacert", self.folder / "cert.pem"]
            self.assertNotEqual(subprocess.run([*command, url], capture_output=True, check=False).returncode, 0)
            shown = ["--cert", self.folder / "cert.pem", "--key", self.folder / "key.pem"]
            self.assertEqual(subprocess.run([*command, *shown, url], capture_output=True, check=True).stdout, b"ok\n")


class Watched(unittest.TestCase):
    """What operators are told of calls, by whichever protocol they come."""

    def test_a_line_of_the_log_for_each_call(self):
        with tempfile.TemporaryDirectory(prefix="kiln-http-") as folder:
            node = pathlib.Path(folder) / "node.yaml"
            node.write_text("""
stores: {blobs: {type: memory, capacity: 64MiB}, results: {type: memory, capacity: 64MiB}}
transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}, web: {type: http, beside: public}}
serve: {content: blobs, results: results}
log: {calls: true, format: json}
""")
            with Kiln(BINARY, ["serve", node]) as kiln:
                target = f"/some/instance/cas/{sha256(b'watched')}"
                self.assertEqual(curl("-X", "PUT", "-d", "watched", f"http://{kiln.address}{target}?secret")[0], 200)
                self.assertEqual(curl(f"http://{kiln.address}/nothing")[0], 404)
                subprocess.run([BINARY, "conform", kiln.address, "--only", "23", "--instance", "main"], check=True,
                               capture_output=True)
                self.assertEqual(kiln.stop(), 0)
                lines = [json.loads(line) for line in kiln.log.splitlines()]
        calls = [line for line in lines if line["message"] == "call"]
        put = [line for line in calls if line["method"] == f"PUT {target}"]
        self.assertEqual(len(put), 1, calls)
        self.assertEqual((put[0]["instance"], put[0]["status"], put[0]["bytes_in"], put[0]["bytes_out"]),
                         ("some/instance", "OK", 7, 0))
        self.assertTrue(put[0]["peer"].startswith("ipv4:127.0.0.1:"))
        self.assertGreaterEqual(put[0]["took"], 0)
        self.assertIn(("GET /nothing", "NOT_FOUND"), [(line["method"], line["status"]) for line in calls])
        grpc = [line for line in calls if line["method"].startswith("/build.bazel.remote.execution.v2.")]
        self.assertIn("main", [line["instance"] for line in grpc], calls)


    def test_a_worker_has_metrics_and_health_where_it_is_told_to(self):
        with tempfile.TemporaryDirectory(prefix="kiln-http-") as folder:
            token = pathlib.Path(folder) / "token"
            scheduler = Kiln(BINARY, ["serve", "--profile", "scheduler", "--listen", "127.0.0.1:0", "--workers",
                                      "127.0.0.1:0", "--worker-token", token, "--data", f"{folder}/data", "--capacity",
                                      "1GiB"])
            with scheduler:
                joins = scheduler.wait_for(r"kiln takes workers on (\S+);")[1]
                worker = ["worker", "--scheduler", joins, "--cache", scheduler.address, "--worker-token", token,
                          "--data", f"{folder}/worker", "--capacity", "1GiB"]
                with Kiln(BINARY, [*worker, "--metrics", "127.0.0.1:0"]) as kiln:
                    url = kiln.wait_for(r"kiln speaks HTTP at (\S+)\n")[1]
                    status, scraped = curl(f"{url}/metrics")
                    self.assertEqual(status, 200)
                    self.assertIn(b"\nkiln_memory_bound_bytes{", scraped)
                    self.assertEqual(curl(f"{url}/healthz"), (200, b"ok\n"))
                    self.assertEqual(curl(f"{url}/readyz"), (200, b"ready\n"))
                    for target in (f"cas/{sha256(b'x')}", f"ac/{sha256(b'x')}", "value"):
                        self.assertEqual(curl(f"{url}/{target}")[0], 404)
                    self.assertEqual(kiln.stop(), 0)
                with Kiln(BINARY, worker) as kiln:
                    kiln.wait_for(r"kiln works for (\S+)\n")
                    self.assertNotIn("kiln speaks HTTP", kiln.output)


class GrpcAlone(unittest.TestCase):
    def test_a_port_of_grpc_alone_says_so(self):
        with tempfile.TemporaryDirectory(prefix="kiln-http-") as folder:
            node = pathlib.Path(folder) / "node.yaml"
            node.write_text("""
stores: {blobs: {type: memory, capacity: 64MiB}}
transports: {public: {type: grpc, listen: ["127.0.0.1:0"]}}
serve: {content: blobs}
""")
            with Kiln(BINARY, ["serve", node]) as kiln:
                self.assertEqual(curl(f"http://{kiln.address}/cas/{sha256(b'x')}"),
                                 (400, b"this port speaks gRPC (HTTP/2): grpc://\n"))


if __name__ == "__main__":
    unittest.main()
