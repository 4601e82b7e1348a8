#!/usr/bin/env python3
"""Checks that all is in order: layers, formatting, shape, and what is passed in. Prints every breach with its place; exit 1 if there is one.

The floors (docs/ARCHITECTURE.md): proto <- core <- { actors, plugins }, test sees all. An include line shows the
floor, because includes are root-relative.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOP = re.compile(r"^(core|actors|plugins|proto|config|test|docs|cmake|CMakeLists\.txt|CMakePresets\.json|Makefile"
                 r"|README\.md|LICENSE|CHANGELOG\.md|CONTRIBUTING\.md|SECURITY\.md|\..*)$")
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
LONG_FILE = 400
COLUMNS = 120

# Who may include what, the longest matching folder first. "self" is the file's own room.
FLOORS = {
    "core/base": ["core/base"],
    "core/digest": ["core/base", "core/digest"],
    "core/cache": ["core/base", "core/digest", "core/cache"],
    "core/config": ["core/base", "core/config"],
    "core/observe": ["core/base", "core/digest", "core/observe"],
    "core/wire": ["core/base", "core/digest", "core/wire"],
    "core/merkle": ["core/base", "core/digest", "core/wire", "core/merkle"],
    "core/contract": ["core/base", "core/digest", "core/wire", "core/contract"],
    "core/store_kit": ["core/base", "core/digest", "core/wire", "core/contract", "core/plugin", "core/store_kit"],
    "core/completeness": ["core/base", "core/digest", "core/wire", "core/merkle", "core/config", "core/observe",
                          "core/contract", "core/plugin", "core/store_kit", "core/completeness"],
    "core/net": ["core/base", "core/config", "core/contract", "core/net"],
    "core/admission": ["core/base", "core/contract", "core/observe", "core/wire", "core/admission"],
    "core/compress": ["core/base", "core/contract", "core/compress"],
    "core/plugin": ["core"],
    "actors/services": ["core", "actors/services"],
    "actors/scheduler": ["core", "actors/scheduler"],
    "actors/worker": ["core", "actors/worker"],
    "actors/tools/bench": ["core", "actors/tools/bench"],
    "actors/tools/conform": ["core", "actors/tools/conform"],
    "actors/tools/probe": ["core", "actors/tools/conform", "actors/tools/probe"],  # it asks like a rule
    "actors/tools/probe/agent": ["actors/tools/probe/agent"],  # a program of its own
    "actors/tools/run": ["core", "actors/worker", "actors/tools/bench", "actors/tools/run"],  # a worker for once
    "actors/system": ["core", "actors"],
    "plugins": ["core", "self"],
    "plugins/sdk": ["core", "self", "test/contract"],  # a guest sees what is installed
    "test": ["core", "actors", "plugins", "test"],
}
GENERATED = re.compile(r"\.(pb|grpc\.pb)\.h$")
# Time, files and threads are passed in (core/plugin/environment.hpp), or a test could not play them.
PASSED_IN = {
    "time": re.compile(r"\b(steady|system|high_resolution)_clock::now\b|::(clock_gettime|gettimeofday|time)\s*\("),
    "files": re.compile(r"(?<![\w>])::(open|openat|creat|unlink|unlinkat|rename|renameat|renameat2|mkdir|mkdirat|rmdir"
                        r"|stat|lstat|fstat|fstatat|statvfs|fstatvfs|link|linkat|symlink|symlinkat|readlink|readlinkat"
                        r"|truncate|ftruncate|chmod|fchmod|fchmodat|chown|fchown|fchownat|utimensat|fsync|fdatasync"
                        r"|syncfs|opendir|fdopendir|readdir|pread|preadv2?|pwrite|pwritev|flock|umount2?)\s*\("
                        r"|\bstd::filesystem\b|\bfopen\s*\(|\bstd::[io]?fstream\b|\bSYS_openat2\b"),
    "threads": re.compile(r"\bstd::j?thread\b"),
}
# Who is the environment, or runs where there is none; with what it reaches for, and why.
EXCUSED = {
    "core/base/clock.cpp": ({"time"}, "the machine's clock"),
    "core/base/disk.cpp": ({"files"}, "the machine's disk"),
    "core/base/disk_calls.cpp": ({"files"}, "paths as text, and the process's own folder"),
    "core/base/thread_pool.cpp": ({"threads"}, "the thread pools"),
    "core/base/connections.cpp": ({"files"}, "what the kernel allows, in /proc"),
    "core/net/": ({"files", "threads"}, "listeners, and sockets that have a path"),
    "core/observe/log.": ({"threads"}, "the log writes while everything else may hang"),
    "core/plugin/loader.cpp": ({"files"}, "plugins are loaded before there is an environment"),
    "actors/system/check_listen_addresses.cpp": ({"files"}, "paths as people mean them, before the start"),
    "actors/system/check_own_folders.cpp": ({"files"}, "paths as people mean them, before the start"),
    "actors/system/configuration.cpp": ({"files"}, "the configuration, before there is an environment"),
    "actors/system/conform.cpp": ({"files"}, "a report of a command of its own"),
    "actors/system/process_folders.cpp": ({"files"}, "where the program lies"),
    "actors/system/serve.cpp": ({"files"}, "standard descriptors, before anything else is opened"),
    "actors/system/signals.hpp": ({"threads"}, "signals are waited for by a thread of their own"),
    "actors/system/token_file.cpp": ({"files"}, "the token's owner and mode, before the start"),
    "actors/tools/": ({"files", "threads"}, "commands that are clients: no part of a node"),
    "actors/worker/command/action_users.cpp": ({"files"}, "what the kernel says of users, in /proc"),
    "actors/worker/command/command_runner.": ({"time", "threads"}, "the machine's launcher of processes"),
    "actors/worker/command/launcher/root_builder.cpp": ({"files"}, "a program of its own, in a root that it makes"),
    "plugins/transports/": ({"files", "threads", "time"}, "gRPC and listeners have threads, deadlines, certificates"),
}
SLEEPS = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\s*\(|(?<![\w.])sleep\s*\(")


def tracked():
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"], check=True,
                            capture_output=True, text=True).stdout.split("\n")
    return [pathlib.Path(name) for name in listed if name and (ROOT / name).is_file()]


def room_of(path):
    """plugins/stores/memory/x.cpp lives in plugins/stores/memory."""
    return "/".join(path.parts[:3]) if path.parts[0] == "plugins" else "/".join(path.parts[:2])


def allowed_for(path):
    name = path.as_posix()
    fitting = [floor for floor in FLOORS if name.startswith(floor + "/")]
    if not fitting:
        return None
    return [room_of(path) if rule == "self" else rule for rule in FLOORS[max(fitting, key=len)]]


def breaches_of_floors(path, lines):
    allowed = allowed_for(path)
    if allowed is None:
        yield f"{path}: stands on no floor that the tidy test knows"
        return
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if not found or GENERATED.search(found[1]):
            continue
        if not any(found[1].startswith(floor + "/") for floor in allowed):
            yield f"{path}:{number}: may not include \"{found[1]}\" (allowed: {', '.join(allowed)})"


def breaches_of_shape(path, lines):
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{path}:{number}: {len(line)} columns, at most {COLUMNS}"
        if re.search(r"\b(TODO|FIXME|XXX)\b", line):
            yield f"{path}:{number}: unfinished business belongs in an issue"
        # A bench may play a wire that is far away.
        if path.parts[0] == "test" and path.parts[1] != "bench" and SLEEPS.search(line):
            yield f"{path}:{number}: tests never sleep to wait"
    if path.suffix == ".hpp" and not any(line.startswith("#pragma once") for line in lines):
        yield f"{path}: a header begins with #pragma once"


def breaches_of_environment(path, lines):
    if path.parts[0] not in ("core", "actors", "plugins"):
        return
    excused = {kind for place, (kinds, _) in EXCUSED.items() if path.as_posix().startswith(place) for kind in kinds}
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        for kind, pattern in PASSED_IN.items():
            if kind not in excused and pattern.search(code):
                yield f"{path}:{number}: {pattern.search(code)[0]} goes past the environment, which has {kind}"


def breaches_of_excuses(files):
    """An excuse that nobody needs any more would hide the next one."""
    for place, (kinds, _) in EXCUSED.items():
        text = "\n".join(line.split("//")[0] for path in files if path.as_posix().startswith(place)
                         for line in (ROOT / path).read_text().splitlines())
        for kind in sorted(kinds):
            if not PASSED_IN[kind].search(text):
                yield f"test/tidy/tidy.py: {place} needs no excuse for {kind}"


def breaches_of_names(files):
    """Whoever reads #include "…/scheduler.hpp" knows which one is meant."""
    homes = {}
    for path in files:
        if path.suffix == ".hpp" and path.parts[0] != "test":
            homes.setdefault(path.name, []).append(path)
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            yield f"{name}: {len(paths)} headers of this name: {', '.join(map(str, paths))}"


OPENED = re.compile(r"namespace ([\w:]+) \{")
DEFINED = re.compile(r"(?:struct|class) (\w+)(?: final)?(?: : [^;{]*)?(?: \{|$)")


def breaches_of_types(files):
    """Two types of one name in one program: each part of it goes by one of them, without a word of the linker."""
    homes = {}
    for path in files:
        if path.suffix != ".hpp" or path.parts[0] == "plugins":  # each plugin hides its own
            continue
        inside = []
        for line in (ROOT / path).read_text().splitlines():
            if opened := OPENED.match(line):
                inside.append(opened[1])
            elif line.startswith("}  // namespace") and inside:
                inside.pop()
            elif inside and (defined := DEFINED.match(line)):
                homes.setdefault("::".join([*inside, defined[1]]), set()).add(path)
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            yield f"{name}: {len(paths)} types of this name: {', '.join(map(str, sorted(paths)))}"


def breaches_of_format(files):
    if not files:
        return
    result = subprocess.run(["clang-format-14", "--dry-run", "--Werror", *map(str, files)], cwd=ROOT,
                            capture_output=True, text=True)
    places = sorted({line.split(": error")[0] for line in result.stderr.splitlines() if ": error" in line})
    for place in places:
        yield f"{place}: not formatted (make format)"


def main():
    breaches, warnings = [], []
    files = tracked()
    for top in sorted({path.parts[0] for path in files}):
        if not TOP.match(top):
            breaches.append(f"{top}: no such thing at the top level")
    sources = [path for path in files if path.suffix in (".cpp", ".hpp")]
    for path in sources:
        lines = (ROOT / path).read_text().splitlines()
        breaches += breaches_of_floors(path, lines)
        breaches += breaches_of_shape(path, lines)
        breaches += breaches_of_environment(path, lines)
        if len(lines) > LONG_FILE:
            warnings.append(f"{path}: {len(lines)} lines; do two ideas share this room?")
    breaches += breaches_of_excuses(sources)
    breaches += breaches_of_names(sources)
    breaches += breaches_of_types(sources)
    breaches += breaches_of_format(sources)
    for line in warnings:
        print("warning:", line)
    for line in breaches:
        print("breach:", line)
    print(f"{len(sources)} sources, {len(breaches)} breaches, {len(warnings)} warnings")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
