#!/usr/bin/env python3
"""What an action writes is read while it runs, wherever that is: from the server's own worker, and from one that dialled."""

import os
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from grpc_call import GrpcCall, fields, value_of  # noqa: E402: found beside this file
from kiln_process import Kiln  # noqa: E402
from stored_action import StoredAction, field  # noqa: E402

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))
EXECUTE = "/build.bazel.remote.execution.v2.Execution/Execute"
READ = "/google.bytestream.ByteStream/Read"
EXECUTING, COMPLETED = 3, 4
OK, INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE = 0, 3, 5, 11


def metadata_of(operation):
    """The ExecuteOperationMetadata in a google.longrunning.Operation."""
    return value_of(operation, 2, 2)


class LiveOutput(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kiln-live-output-test-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.folder.chmod(0o755)
        # Which a user of an action's own reads and writes as well. Of the machine, so actions must see that.
        self.door = self.folder / "door"
        os.mkfifo(self.door)
        self.door.chmod(0o666)

    def start(self, *args):
        kiln = Kiln(BINARY, args)
        kiln.start()
        self.addCleanup(kiln.kill)
        return kiln

    def serve_alone(self):
        config = self.folder / "node.yaml"
        config.write_text(f"""\
stores: {{blobs: {{type: memory, capacity: 256MiB}}, results: {{type: memory, capacity: 8MiB}}}}
transports: {{public: {{type: grpc, listen: ["127.0.0.1:0"]}}, web: {{type: http, beside: public}}}}
serve: {{content: blobs, results: results, execution: {{}}}}
worker: {{cas: blobs, work_root: "{self.folder}/work", slots: 2, sandbox: {{level: folder}}}}
""")
        return self.start("serve", config)

    def serve_with_a_far_worker(self):
        server = self.start("serve", "--profile", "scheduler", "--listen", "127.0.0.1:0", "--workers", "127.0.0.1:0",
                            "--data", self.folder / "data", "--capacity", "1GiB")
        workers = server.wait_for(r"kiln takes workers on (\S+);")[1]
        self.start("worker", "--scheduler", workers, "--cache", server.address, "--worker-token",
                   self.folder / "data/worker-token", "--data", self.folder / "far", "--capacity", "1GiB",
                   "--sandbox", "folder")
        return server

    def execute(self, server, script):
        action = StoredAction(["/bin/sh", "-c", script]).store(server.address)
        return self.call(server, EXECUTE, field(6, action.action.digest))

    def call(self, server, method, request):
        call = GrpcCall(server.address, method, request)
        self.addCleanup(call.__exit__)
        return call

    def read(self, server, name, offset=0, limit=0):
        return self.call(server, READ, field(1, name) + field(2, offset) + field(3, limit))

    def whole(self, reader):
        return b"".join(value_of(message, 10) for message in reader).decode()

    def names_of_streams(self, execution):
        """Once its command runs."""
        for operation in execution:
            if value_of(metadata_of(operation), 1) == EXECUTING:
                return [value_of(metadata_of(operation), number).decode() for number in (3, 4)]
            self.assertIsNone(value_of(metadata_of(operation), 3))
        self.fail(f"the action does not run: {execution.details}")

    def follow(self, server):
        execution = self.execute(server, f"echo first line; echo a complaint >&2; read word < {self.door}; echo $word")
        out, err = self.names_of_streams(execution)
        self.assertTrue(out.endswith("/attempts/1/stdout"), out)
        readers = [self.read(server, out), self.read(server, out, 6), self.read(server, err)]
        # The action cannot end before somebody speaks at the door.
        self.assertEqual(value_of(readers[0].next_message(), 10), b"first line\n")
        self.assertEqual(value_of(readers[1].next_message(), 10), b"line\n")
        self.assertEqual(value_of(readers[2].next_message(), 10), b"a complaint\n")
        self.assertEqual(self.whole(self.read(server, out, 2, 3)), "rst")
        self.door.write_text("last line\n")
        self.assertEqual([self.whole(reader) for reader in readers], ["last line\n", "last line\n", ""])
        self.assertEqual([reader.status for reader in readers], [OK, OK, OK])
        done = list(execution)[-1]
        self.assertEqual(value_of(metadata_of(done), 1), COMPLETED)
        self.assertIsNone(value_of(metadata_of(done), 3))
        # For a while it is read like this still.
        self.assertEqual(self.whole(self.read(server, out, 11)), "last line\n")
        self.assertEqual(self.read(server, out, 22).status, OUT_OF_RANGE)
        self.assertEqual(self.read(server, out.replace("attempts/1", "attempts/2")).status, NOT_FOUND)
        self.assertEqual(self.read(server, out.replace("stdout", "stdin")).status, INVALID_ARGUMENT)

    def test_output_of_a_worker_in_the_same_process_is_followed(self):
        self.follow(self.serve_alone())

    def test_output_of_a_worker_that_dialled_is_followed(self):
        self.follow(self.serve_with_a_far_worker())

    def test_an_action_that_cannot_be_started_has_a_log_of_its_attempts(self):
        server = self.serve_alone()
        action = StoredAction(["./there-is-no-such-command"]).store(server.address)
        response = value_of(list(self.call(server, EXECUTE, field(6, action.action.digest)))[-1], 5, 2)
        (log,) = [value for number, value in fields(response) if number == 4]
        self.assertEqual(value_of(log, 1), b"attempts")
        self.assertEqual(value_of(log, 2, 2), 1)  # human_readable
        blob = f"blobs/{value_of(log, 2, 1, 1).decode()}/{value_of(log, 2, 1, 2)}"
        text = self.whole(self.read(server, blob))
        self.assertIn("attempt 1 on worker ", text)
        self.assertIn("No such file or directory", text)


if __name__ == "__main__":
    unittest.main()
