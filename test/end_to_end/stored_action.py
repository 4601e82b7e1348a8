"""An action that a test puts into a server's cache, over HTTP: REAPI's messages, encoded by hand."""

import hashlib
import http.client


def field(number, value):
    """One field of a message: a number, or text, bytes or a message by their length."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    content = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Blob:
    def __init__(self, content):
        self.content = content.encode() if isinstance(content, str) else content
        self.hash = hashlib.sha256(self.content).hexdigest()

    @property
    def name(self):
        return f"{self.hash}/{len(self.content)}"

    @property
    def digest(self):
        return field(1, self.hash) + (field(2, len(self.content)) if self.content else b"")


class StoredAction:
    """`StoredAction(words, inputs={"a/b.txt": "text"})` is made; `store` uploads it.

    words      the command
    inputs     files by their path; a path that ends with "*" is executable
    outputs    paths, from the working directory
    """

    def __init__(self, words, inputs=None, outputs=(), inside="", environment=None, platform=None, timeout=0):
        self.files = {}
        self.folders = {}
        root = self._folder("", {path: Blob(text) for path, text in (inputs or {}).items()})
        command = b"".join(field(1, word) for word in words)
        command += b"".join(field(2, field(1, name) + field(2, value)) for name, value in (environment or {}).items())
        command += field(6, inside) + b"".join(field(7, path) for path in outputs)
        self.command = Blob(command)
        properties = b"".join(field(1, field(1, name) + field(2, value)) for name, value in (platform or {}).items())
        self.action = Blob(field(1, self.command.digest) + field(2, root.digest) +
                           (field(6, field(1, timeout)) if timeout else b"") + (field(10, properties) if platform else b""))

    def _folder(self, path, inside):
        """Its Directory; what lies below `path` is given by paths from there."""
        here, below = b"", {}
        for name, blob in sorted(inside.items()):
            first, _, rest = name.partition("/")
            if rest:
                below.setdefault(first, {})[rest] = blob
                continue
            self.files[path + name.rstrip("*")] = blob
            here += field(1, field(1, name.rstrip("*")) + field(2, blob.digest) +
                          (field(4, 1) if name.endswith("*") else b""))
        for name, content in sorted(below.items()):
            folder = self._folder(f"{path}{name}/", content)
            here += field(2, field(1, name) + field(2, folder.digest))
        self.folders[path.rstrip("/")] = made = Blob(here)
        return made

    @property
    def name(self):
        return self.action.name

    def store(self, address, without=()):
        """All of its blobs but these."""
        to = http.client.HTTPConnection(address)
        for blob in (self.action, self.command, *self.folders.values(), *self.files.values()):
            if blob in without:
                continue
            to.request("PUT", f"/cas/{blob.hash}", blob.content)
            answer = to.getresponse()
            answer.read()
            assert answer.status in (200, 201, 204), answer.status
        to.close()
        return self
