"""Real servers that keep a cache's bytes behind Kiln: they are killed, come back with what they had, or are stopped."""

import os
import pathlib
import subprocess

from free_port import free_port
from kiln_process import Heard, Kiln, die_with_the_test
from seeded_run import BINARY

PATIENCE_SECONDS = 60
SOURCES = pathlib.Path(__file__).resolve().parents[1]
SWIFT = pathlib.Path(BINARY).resolve().parents[1] / "clients" / "swift"


class Backend:
    """A process with a folder of its own, under one address for all its lives. Not started yet."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir(parents=True)
        self._process = self._said = None

    def start(self):
        command, environment = self.command()
        self._process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT, text=True, errors="replace",
                                         preexec_fn=die_with_the_test)
        self._said = Heard(self._process.stdout)
        if not self._said.wait_for(lambda text: self.READY in text.lower(), PATIENCE_SECONDS):
            raise RuntimeError(f"{command[0]} does not start: {self._said.text}")

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._said.join()
            self._process = None

    def restart(self):
        self.kill()
        self.start()

    def signal(self, number):
        self._process.send_signal(number)


class Redis(Backend):
    """A redis-server that has what it acknowledged on its disk, at once or within a second."""

    READY = "ready to accept connections"

    def __init__(self, folder, appendfsync="always"):
        super().__init__(folder)
        self._appendfsync = appendfsync

    @property
    def endpoint(self):
        return f"unix:{self.folder / 'socket'}"

    def command(self):
        return (["redis-server", "--port", "0", "--unixsocket", str(self.folder / "socket"), "--dir", str(self.folder),
                 "--appendonly", "yes", "--appendfsync", self._appendfsync, "--save", "", "--daemonize", "no"],
                None)


class Swift(Backend):
    """OpenStack's Swift with a bucket in it, which stays on its port."""

    READY = "listening on "
    BUCKET = "builds"

    def __init__(self, folder):
        super().__init__(folder)
        self._port = free_port()
        self._has_bucket = False

    @staticmethod
    def is_there():
        return SWIFT.exists() or pathlib.Path("/usr/lib/python3/dist-packages/swift/common/middleware/s3api").exists()

    def command(self):
        environment = {"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "ignore",
                       "KILN_SWIFT_PORT": str(self._port)}
        command = ["/usr/bin/python3", str(SOURCES / "plugins/stores/s3/swift_server.py"), str(self.folder)]
        if SWIFT.exists():
            command.append(str(SWIFT))
            environment["LD_LIBRARY_PATH"] = str(SWIFT / "usr/lib/x86_64-linux-gnu")
        return command, environment

    def start(self):
        super().start()
        if not self._has_bucket:
            self._make_bucket()
            self._has_bucket = True

    def environment(self):
        """What a kiln has to know."""
        return dict(os.environ, KILN_BUCKET=self.BUCKET, KILN_S3_ENDPOINT=f"http://127.0.0.1:{self._port}",
                    KILN_S3_REGION="eu-test-1", AWS_ACCESS_KEY_ID="test:kiln", AWS_SECRET_ACCESS_KEY="kiln-secret")

    def _make_bucket(self):
        of_nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        subprocess.run(["curl", "--silent", "--show-error", "--fail", "--request", "PUT",
                        "--aws-sigv4", "aws:amz:eu-test-1:s3", "--header", f"x-amz-content-sha256: {of_nothing}",
                        f"http://test%3Akiln:kiln-secret@127.0.0.1:{self._port}/{self.BUCKET}"], check=True, timeout=PATIENCE_SECONDS)


class Upstream:
    """A kiln that is a cache for other kilns, under one address for all its lives."""

    def __init__(self, folder):
        self._folder = folder
        self._address = f"127.0.0.1:{free_port()}"
        self._kiln = None

    @property
    def endpoint(self):
        return f"grpc://{self._address}"

    def start(self):
        self._kiln = Kiln(BINARY, ["serve", "--profile", "cache", "--data", self._folder, "--listen", self._address,
                                   "--capacity", "8GiB"])
        self._kiln.start()

    def kill(self):
        if self._kiln is not None and self._kiln.running():
            self._kiln.kill()

    def restart(self):
        self.kill()
        self.start()

    def signal(self, number):
        os.kill(self._kiln.pid, number)
