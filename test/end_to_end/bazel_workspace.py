"""A C++ workspace for Bazel, generated: by default 200 actions, one output of 32 MiB, two tests, no network."""

import pathlib
import shutil

LIBRARIES = 40
RULES = pathlib.Path("/usr/share/bazel/rules")
SKYLIB = pathlib.Path("/usr/share/bazel/tools/skylib")


def generate(root, salt="", libraries=LIBRARIES):
    """Writes the workspace into `root`. Each library is some four actions."""
    root = pathlib.Path(root)
    root.mkdir(parents=True, exist_ok=True)
    _repositories(root)
    write_sources(root, salt, libraries)


def write_sources(root, salt, libraries=LIBRARIES):
    """Writes what is built. Another salt makes every action another one, with other
    outputs, so that none is left out of a build over the outputs of an earlier one."""
    root = pathlib.Path(root)
    (root / "WORKSPACE").write_text('workspace(name = "kiln_check")\n')
    build = ['load("@rules_cc//cc:defs.bzl", "cc_binary", "cc_library", "cc_test")', ""]
    for i in range(libraries):
        depends = f'":part{i - 1}"' if i else ""
        build.append(_library(root, i, salt, depends))
        build.append(_genrule(i))
    build.append('genrule(name = "big", outs = ["big.bin"], '
                 f'cmd = "(echo {salt}; head -c 33554432 /dev/zero) > $@")')
    last = libraries - 1
    (root / "main.cpp").write_text(
        f'#include "part{last}.hpp"\n#include <cstdio>\nconst char* salt() {{ return "{salt}"; }}\n'
        f'int main() {{ std::printf("%s %d\\n", salt(), part{last}()); return part{last}() > 0 ? 0 : 1; }}\n')
    build.append(f'cc_binary(name = "main", srcs = ["main.cpp"], deps = [":part{last}"])')
    for name in ("first_test", "second_test"):
        build.append(f'cc_test(name = "{name}", srcs = ["main.cpp"], deps = [":part{last}"])')
    (root / "BUILD").write_text("\n".join(build) + "\n")


def _library(root, i, salt, depends):
    include = f'#include "part{i - 1}.hpp"\n' if i else ""
    before = f"part{i - 1}() + " if i else ""
    (root / f"part{i}.hpp").write_text(f"#pragma once\nint part{i}();\n")
    (root / f"part{i}.cpp").write_text(
        f'#include "part{i}.hpp"\n{include}const char* salt{i}() {{ return "{salt}"; }}\n'
        f'int part{i}() {{ return {before}{i + 1}; }}\n')
    return (f'cc_library(name = "part{i}", srcs = ["part{i}.cpp"], hdrs = ["part{i}.hpp"], '
            f"deps = [{depends}])")


def _genrule(i):
    return (f'genrule(name = "text{i}", srcs = ["part{i}.cpp"], outs = ["text{i}.txt"], '
            'cmd = "wc -c < $< > $@")')


def _repositories(root):
    """Debian's rule packages, mended where its Bazel lacks what they use, and the stub that tests ask for."""
    external = rules_beside(root)
    shutil.copytree(RULES / "cc", external / "rules_cc", symlinks=False, dirs_exist_ok=True)
    for path in (external / "rules_cc").rglob("*.bzl"):
        text = path.read_text()
        if "use_cpp_toolchain" in text:
            path.chmod(0o644)
            text = text.replace(', "use_cpp_toolchain"', "")
            path.write_text("".join(line for line in text.splitlines(True) if "use_cpp_toolchain()" not in line))
    coverage = external / "remote_coverage_tools"
    coverage.mkdir(parents=True, exist_ok=True)
    (coverage / "WORKSPACE").write_text('workspace(name = "remote_coverage_tools")\n')
    (coverage / "tool.sh").write_text("#!/bin/sh\n")
    (coverage / "tool.sh").chmod(0o755)
    (coverage / "BUILD").write_text("\n".join(
        f'sh_binary(name = "{name}", srcs = ["tool.sh"], visibility = ["//visibility:public"])'
        for name in ("coverage_report_generator", "lcov_merger")) + "\n")


def rules_beside(root):
    """Outside the workspace, or `//...` would walk into the rules' own packages."""
    root = pathlib.Path(root)
    return root.with_name(root.name + "_rules")


def flags(root):
    """What makes Debian's Bazel build this workspace without the internet."""
    external = rules_beside(root)
    overrides = {
        "rules_cc": external / "rules_cc",
        "remote_coverage_tools": external / "remote_coverage_tools",
        "rules_java": RULES / "java",
        "rules_proto": RULES / "proto",
        "bazel_skylib": SKYLIB,
    }
    return ["--symlink_prefix=/"] + [f"--override_repository={name}={path}" for name, path in overrides.items()]
