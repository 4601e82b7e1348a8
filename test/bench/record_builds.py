#!/usr/bin/env python3
"""Records what real Bazel builds look at in a cache, for cache_bench: builds of one repository on a trunk and two
branches, each with an output base of its own, as machines of a CI have them, executed by a kiln.

    test/bench/record_builds.py --binary build/bin/kiln --write test/bench/traces/bazel.txt

The trace is a row of objects, numbered in the order in which they were first looked at; there, their size follows:
"0:1200 1:80 0 2:64". What Bazel's own log of its calls names is looked at: outputs of a result that was found, digests
that were asked for, blobs that were read or written."""

import argparse
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "end_to_end"))

import bazel_calls  # noqa: E402
import kiln_process  # noqa: E402

MODULES, SOURCES, HEADERS, COMMON, LINKS = 20, 6, 4, 30, 8
DIGEST = re.compile(rb"\x0a\x40([0-9a-f]{64})(?:\x10([\x80-\xff]{0,9}[\x00-\x7f]))?")
STREAM = re.compile(rb"blobs/([0-9a-f]{64})/(\d+)")


class Repository:
    """Sources, headers that many include, and rules that look at them. Compilers would only make it slower: an
    action's output depends on all that it is given."""

    def __init__(self, root, seed):
        self._root = pathlib.Path(root)
        self._chance = random.Random(seed)
        self._includes = [[self._common() for _ in range(self._chance.randint(3, 12))]
                          for _ in range(MODULES * SOURCES)]
        self._linked = [[self._chance.randrange(MODULES) for _ in range(10)] for _ in range(LINKS)]
        self.files = {name: self._content() for name in self._names()}

    def write(self):
        shutil.rmtree(self._root, ignore_errors=True)
        self._root.mkdir(parents=True)
        (self._root / "WORKSPACE").write_text("")
        (self._root / "BUILD").write_text("\n".join(self._rules()))
        for name, content in self.files.items():
            (self._root / name).write_bytes(content)

    def commit(self):
        """One or two per cent of the sources change, and now and then a header that many include."""
        for _ in range(self._chance.randint(2, 6)):
            name = f"m{self._chance.randrange(MODULES)}_s{self._chance.randrange(SOURCES)}.src"
            self.files[name] = self._content()
        if self._chance.random() < 0.2:
            self.files[f"c{self._common()}.hdr"] = self._content()

    def _common(self):
        return int(COMMON * self._chance.random() ** 3)

    def _content(self):
        return self._chance.randbytes(min(int(self._chance.lognormvariate(8.5, 1.2)), 1 << 20))

    def _names(self):
        for m in range(MODULES):
            yield from (f"m{m}_s{s}.src" for s in range(SOURCES))
            yield from (f"m{m}_h{h}.hdr" for h in range(HEADERS))
        yield from (f"c{c}.hdr" for c in range(COMMON))

    def _rules(self):
        rule = 'genrule(name = "{0}", srcs = [{1}], outs = ["{0}.out"], cmd = "(cksum $(SRCS); head -c {2} $(SRCS)) > $@")'
        quoted = lambda names: ", ".join(f'"{name}"' for name in dict.fromkeys(names))  # noqa: E731
        for m in range(MODULES):
            own = [f"m{m}_h{h}.hdr" for h in range(HEADERS)]
            for s in range(SOURCES):
                common = [f"c{c}.hdr" for c in self._includes[m * SOURCES + s]]
                yield rule.format(f"m{m}_o{s}", quoted([f"m{m}_s{s}.src", *own, *common]), 2000)
            yield rule.format(f"m{m}", quoted(f"m{m}_o{s}.out" for s in range(SOURCES)), 20000)
        for number, parts in enumerate(self._linked):
            yield rule.format(f"link{number}", quoted(f"m{m}.out" for m in parts), 100000)


def varint(data):
    return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(data))


def looked_at(entry):
    """Digests and sizes that one call of Bazel's log looks at."""
    if b"/Read" in entry or b"/Write" in entry:
        return [(name, int(size)) for name, size in STREAM.findall(entry)[:1]]
    found = [(name, varint(size)) for name, size in DIGEST.findall(entry)]
    if b"ActionResult" in entry:
        return found[1:]  # the first is the action's, which is a name and no blob
    return found if b"FindMissingBlobs" in entry else []


def build(workspace, output, kiln, log):
    command = ["bazel", f"--output_user_root={output}", "build", "//:all", f"--remote_executor=grpc://{kiln.address}",
               "--jobs=8", "--noshow_progress", f"--experimental_remote_grpc_log={log}", "--spawn_strategy=remote",
               "--genrule_strategy=remote", "--remote_download_minimal"]
    subprocess.run(command, cwd=workspace, check=True, capture_output=True)
    subprocess.run(["bazel", f"--output_user_root={output}", "shutdown"], cwd=workspace, check=True, capture_output=True)
    shutil.rmtree(output, ignore_errors=True)


def record(options, folder):
    folder = pathlib.Path(folder)
    branches = [Repository(folder / "work", options.seed) for _ in range(3)]
    for number, branch in enumerate(branches[1:], 1):
        for _ in range(number * 2):
            branch.commit()
    numbers, trace = {}, []
    with kiln_process.Kiln(options.binary, data=folder / "data") as kiln:
        for turn in range(options.builds):
            branch = branches[random.Random(turn).choice([0, 0, 0, 1, 2])]
            branch.commit()
            branch.write()
            log = folder / f"calls{turn}"
            build(folder / "work", folder / f"out{turn}", kiln, log)
            before = len(trace)
            for entry in bazel_calls.entries_in(log):
                for name, size in looked_at(entry):
                    if name not in numbers:
                        numbers[name] = len(numbers)
                        trace.append(f"{numbers[name]}:{size}")
                    else:
                        trace.append(str(numbers[name]))
            print(f"build {turn + 1}: {len(trace) - before} looks, {len(numbers)} objects so far", flush=True)
    options.write.parent.mkdir(parents=True, exist_ok=True)
    options.write.write_text(textwrap.fill(" ".join(trace), 118) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True, type=pathlib.Path)
    parser.add_argument("--write", required=True, type=pathlib.Path)
    parser.add_argument("--builds", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kiln-builds.") as folder:
        record(options, folder)


if __name__ == "__main__":
    main()
