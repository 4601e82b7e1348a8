"""The calls that a Bazel made, from the file that --experimental_remote_grpc_log wrote."""

import collections
import pathlib

# remote_logging.LogEntry, of Bazel's src/main/protobuf/remote_execution_log.proto.
_STATUS, _METHOD, _STARTED, _ENDED = 2, 3, 5, 6

Call = collections.namedtuple("Call", "method code started ended")  # a gRPC code; seconds since 1970


def calls_in(path):
    return [_call(entry) for entry in entries_in(path)]


def entries_in(path):
    """The messages as they lie there, each behind its length."""
    data, at = pathlib.Path(path).read_bytes(), 0
    while at < len(data):
        size, at = _varint(data, at)
        yield data[at:at + size]
        at += size


def _call(entry):
    fields = dict(_fields(entry))
    code = dict(_fields(fields.get(_STATUS, b""))).get(1, 0)
    return Call(fields.get(_METHOD, b"").decode(), code, _seconds(fields.get(_STARTED, b"")),
                _seconds(fields.get(_ENDED, b"")))


def _seconds(timestamp):
    fields = dict(_fields(timestamp))
    return fields.get(1, 0) + fields.get(2, 0) / 1e9


def _fields(message):
    """Numbers and values: an int for a varint, bytes for whatever has a length."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
        elif tag & 7 == 2:
            size, at = _varint(message, at)
            value, at = message[at:at + size], at + size
        else:
            raise ValueError(f"wire type {tag & 7} is none that Bazel's log uses")
        yield tag >> 3, value


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
