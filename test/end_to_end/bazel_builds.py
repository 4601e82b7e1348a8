"""Real Bazel with its default patience, building one workspace again and again over a server."""

import collections
import pathlib
import re
import subprocess
import time

import bazel_workspace
from bazel_calls import calls_in
from kiln_process import Heard

LIBRARIES = 10
BUILD_SECONDS = 600
EXECUTE = ["--spawn_strategy=remote", "--genrule_strategy=remote", "--strategy=CppCompile=remote"]
CACHE = ["--spawn_strategy=standalone"]

# What is built how: the flag that names the server, what goes with it, and which counts of Bazel's add up to all
# actions. Reading comes after filling, and finds in the cache whatever went in beside a restart.
Way = collections.namedtuple("Way", "name server flags counts fresh")
WAYS = (Way("execution", "--remote_executor", EXECUTE, ("remote", "remote cache hit"), True),
        Way("filling the cache", "--remote_cache", CACHE, ("local",), True),
        Way("reading the cache", "--remote_cache", CACHE, ("remote cache hit",), False))

# What Bazel said, how many actions it ran or found, whether it did without the cache for once, and its calls.
Build = collections.namedtuple("Build", "said counts missed calls")


class Failed(Exception):
    """A build was not as it should be."""


class Client:
    """A Bazel that builds the same workspace again and again, each time with other contents."""

    def __init__(self, folder):
        self._root = folder / "workspace"
        self._base = folder / "base"
        self._calls = folder / "calls"
        bazel_workspace.generate(self._root, libraries=LIBRARIES)

    def build(self, way, address, salt, step=lambda number: None):
        """Builds, calling `step` with each action's number, from 1, as it begins."""
        if way.fresh:
            bazel_workspace.write_sources(self._root, salt, LIBRARIES)
        else:
            self._run("clean")
        command = self._command("test", "//...", "--color=no", "--curses=no", "--noshow_progress", "--jobs=8", "-s",
                                f"--experimental_remote_grpc_log={self._calls}", f"{way.server}=grpc://{address}",
                                *way.flags, *bazel_workspace.flags(self._root))
        bazel = subprocess.Popen(command, cwd=self._root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, text=True, errors="replace")
        said = Heard(bazel.stderr)
        deadline = time.monotonic() + BUILD_SECONDS
        number = 0
        try:
            while said.wait_for(lambda text: text.count("\nSUBCOMMAND:") > number, deadline - time.monotonic()):
                number += 1
                step(number)
            code = bazel.wait(max(0, deadline - time.monotonic()))
        finally:
            bazel.kill()
        said.join()
        text = without_commands(said.text)[-8000:]
        if code != 0:
            raise Failed(f"bazel ended with {code} and said:\n{text}")
        line = re.findall(r"INFO: \d+ process(?:es)?: (.*)\.", said.text)
        counts = {words: int(n) for n, words in re.findall(r"(\d+) ([^,]+)", line[-1] if line else "")}
        counts.pop("internal", None)
        return Build(text, counts, "Remote Cache:" in said.text, calls_in(self._calls))

    def _command(self, *words):
        return ["bazel", "--max_idle_secs=60", f"--output_base={self._base}", *words]

    def _run(self, *words):
        subprocess.run(self._command(*words), cwd=self._root, capture_output=True, check=True, timeout=BUILD_SECONDS)

    def close(self):
        subprocess.run(self._command("shutdown"), cwd=self._root, capture_output=True, check=False)
        subprocess.run(["chmod", "-R", "u+w", str(self._base)], capture_output=True, check=False)


def disturbed(client, way, address, salt, at, disturb):
    """Builds, and does `disturb()` as action number `at` begins, which returns when the server, or what it needs, was
    away: `left` and `back`, since 1970. The build has to have been served before and after. Returns both."""
    seen = []
    build = client.build(way, address, salt, lambda number: seen.append(disturb()) if number == at else None)
    if not seen:
        raise Failed(f"the build was over before its action {at}:\n{build.said}")
    before = sum(call.code == 0 and call.ended < seen[0].left for call in build.calls)
    after = sum(call.code == 0 and call.started > seen[0].back for call in build.calls)
    if not before or not after:
        raise Failed(f"{seen[0]} was not within the build: {before} calls before it, {after} behind it")
    return seen[0], build


def require(build, actions, counts):
    """All actions were run or found, and in no other way than these."""
    if sum(build.counts.values()) != actions or not set(build.counts) <= set(counts):
        raise Failed(f"not {actions} times {' or '.join(counts)} but {build.counts}:\n{build.said}")


def without_commands(text):
    """What Bazel said but for the commands of its actions."""
    return re.sub(r"^SUBCOMMAND:.*?(?=^\S*(?:INFO|WARNING|ERROR|FAILED|SUBCOMMAND|Target|//))", "", text,
                  flags=re.MULTILINE | re.DOTALL)
