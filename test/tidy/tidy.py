#!/usr/bin/env python3
"""Holds the house in order: floors, formatting, shape. Prints every breach with its place; exit 1 if there is one.

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
    "core/net": ["core/base", "core/config", "core/net"],
    "core/admission": ["core/base", "core/contract", "core/observe", "core/wire", "core/admission"],
    "core/compress": ["core/base", "core/contract", "core/compress"],
    "core/plugin": ["core"],
    "actors/services": ["core", "actors/services"],
    "actors/scheduler": ["core", "actors/scheduler"],
    "actors/worker": ["core", "actors/worker"],
    "actors/tools/bench": ["core", "actors/tools/bench"],
    "actors/tools/conform": ["core", "actors/tools/conform"],
    "actors/system": ["core", "actors"],
    "plugins": ["core", "self"],
    "plugins/sdk": ["core", "self", "test/contract"],  # a guest sees what is installed
    "test": ["core", "actors", "plugins", "test"],
}
GENERATED = re.compile(r"\.(pb|grpc\.pb)\.h$")
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
        if path.parts[0] == "test" and SLEEPS.search(line):
            yield f"{path}:{number}: tests never sleep to wait"
    if path.suffix == ".hpp" and not any(line.startswith("#pragma once") for line in lines):
        yield f"{path}: a header begins with #pragma once"


def breaches_of_names(files):
    """Whoever reads #include "…/scheduler.hpp" knows which one is meant."""
    homes = {}
    for path in files:
        if path.suffix == ".hpp" and path.parts[0] != "test":
            homes.setdefault(path.name, []).append(path)
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            yield f"{name}: {len(paths)} headers of this name: {', '.join(map(str, paths))}"


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
        if len(lines) > LONG_FILE:
            warnings.append(f"{path}: {len(lines)} lines; do two ideas share this room?")
    breaches += breaches_of_names(sources)
    breaches += breaches_of_format(sources)
    for line in warnings:
        print("warning:", line)
    for line in breaches:
        print("breach:", line)
    print(f"{len(sources)} sources, {len(breaches)} breaches, {len(warnings)} warnings")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
