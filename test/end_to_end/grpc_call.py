"""One gRPC call over cleartext HTTP/2, with the standard library alone: one request there, any number of answers back."""

import socket
import struct
import threading

_PATIENCE_SECONDS = 60
_DATA, _HEADERS, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_STATIC_ENTRIES = 61  # RFC 7541, appendix A; their names are of no interest here


def fields(message):
    """A protobuf message as a list of (number, value): integers, or bytes for what has a length."""
    found, at = [], 0
    while at < len(message):
        key, at = _read_varint(message, at)
        if key & 7 == 0:
            value, at = _read_varint(message, at)
        elif key & 7 == 2:
            size, at = _read_varint(message, at)
            value, at = message[at:at + size], at + size
        else:
            value, at = None, at + (8 if key & 7 == 1 else 4)
        found.append((key >> 3, value))
    return found


def value_of(message, *path):
    """The last value at this path of field numbers; None if there is none."""
    for number in path:
        values = [value for key, value in fields(message or b"") if key == number]
        message = values[-1] if values else None
    return message


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


class GrpcCall:
    """`for message in GrpcCall(address, "/package.Service/Method", request)`; then `status`, and `details` in words.

    What comes is kept by a thread of its own, so `next_message` may be waited for and several calls be open at once.
    """

    def __init__(self, address, method, request):
        host, _, port = address.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), _PATIENCE_SECONDS)
        self._table = []
        self._changed = threading.Condition()
        self._messages, self._taken, self._trailers = [], 0, None
        self._send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", raw=True)
        self._send(b"", _SETTINGS)
        self._send(b"".join(_literal(name, value) for name, value in (
            (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", address),
            ("content-type", "application/grpc"), ("te", "trailers"))), _HEADERS, _END_HEADERS, 1)
        self._send(struct.pack(">BI", 0, len(request)) + request, _DATA, _END_STREAM, 1)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended already
        self._socket.close()

    def __iter__(self):
        while (message := self.next_message()) is not None:
            yield message

    def next_message(self):
        """Waits for it; None at the end. RuntimeError if neither comes."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._taken < len(self._messages) or self._trailers is not None,
                                          _PATIENCE_SECONDS):
                raise RuntimeError("the server says nothing")
            if self._taken == len(self._messages):
                return None
            self._taken += 1
            return self._messages[self._taken - 1]

    @property
    def status(self):
        """The code, once the call is over; None if the connection broke."""
        for _ in self:
            pass
        code = self._trailers.get("grpc-status")
        return None if code is None else int(code)

    @property
    def details(self):
        return (self._trailers or {}).get("grpc-message", "")

    def _send(self, payload, kind=0, flags=0, stream=0, raw=False):
        head = b"" if raw else struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream)
        self._socket.sendall(head + payload)

    def _read(self):
        trailers = {}
        try:
            trailers = self._read_frames()
        except (OSError, EOFError):
            pass  # told as a call without a status
        with self._changed:
            self._trailers = trailers
            self._changed.notify_all()

    def _read_frames(self):
        source = self._socket.makefile("rb")
        data, headers, known = b"", b"", {}
        while True:
            head = source.read(9)
            if len(head) < 9:
                raise EOFError
            size, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
            payload = source.read(size)
            if kind == _SETTINGS and not flags & _ACK:
                self._send(b"", _SETTINGS, _ACK)
            elif kind == _PING and not flags & _ACK:
                self._send(payload, _PING, _ACK)
            elif kind == _DATA:
                data = self._take(data + (payload[1:size - payload[0]] if flags & _PADDED else payload))
                if size:
                    for stream in (0, 1):
                        self._send(struct.pack(">I", size), _WINDOW_UPDATE, 0, stream)
            elif kind in (_HEADERS, _CONTINUATION):
                headers += payload
                if flags & _END_HEADERS:
                    known, headers = self._decode(headers), b""
            elif kind not in (_SETTINGS, _PING, _WINDOW_UPDATE):
                raise EOFError  # GOAWAY, RST_STREAM
            if kind in (_DATA, _HEADERS) and flags & _END_STREAM:
                return known

    def _take(self, data):
        while len(data) >= 5 and len(data) >= 5 + (size := int.from_bytes(data[1:5], "big")):
            with self._changed:
                self._messages.append(data[5:5 + size])
                self._changed.notify_all()
            data = data[5 + size:]
        return data

    def _decode(self, block):
        """Header fields by name (RFC 7541). Names of the static table and text in Huffman's code stay unknown."""
        known, at = {}, 0
        while at < len(block):
            first = block[at]
            if first & 0x80:
                index, at = _read_integer(block, at, 7)
                name, value = self._entry(index)
            elif first & 0x20 and not first & 0x40:
                _, at = _read_integer(block, at, 5)
                continue
            else:
                keeps = first & 0x40
                index, at = _read_integer(block, at, 6 if keeps else 4)
                if index:
                    name = self._entry(index)[0]
                else:
                    name, at = _read_string(block, at)
                value, at = _read_string(block, at)
                if keeps:
                    self._table.insert(0, (name, value))
            known[name] = value
        return known

    def _entry(self, index):
        if index <= _STATIC_ENTRIES:
            return f"static {index}", ""
        return self._table[index - _STATIC_ENTRIES - 1]


def _literal(name, value):
    def text(what):
        assert len(what) < 127, what
        return bytes([len(what)]) + what.encode()
    return b"\x00" + text(name) + text(value)


def _read_integer(data, at, bits):
    most = (1 << bits) - 1
    value, at = data[at] & most, at + 1
    if value < most:
        return value, at
    more, at = _read_varint(data, at)
    return value + more, at


def _read_string(data, at):
    packed = data[at] & 0x80
    size, at = _read_integer(data, at, 7)
    text = data[at:at + size]
    return ("?" if packed else text.decode("latin-1")), at + size
