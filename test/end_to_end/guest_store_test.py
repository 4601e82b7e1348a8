#!/usr/bin/env python3
"""A store from outside: Kiln is installed, the example store is built against that install alone, proves the
contract, and is then found and explained by the installed binary.

    guest_store_test.py BUILD_FOLDER     (of a Kiln that is built)
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = """
stores:
  blobs: {type: metered, inner: {type: memory, capacity: 64MiB}}
  results: {type: memory, capacity: 1MiB}
transports:
  public: {type: grpc, listen: ["127.0.0.1:0"]}
serve: {content: blobs, results: results}
"""


def run(*command, **options):
    print("+", *command, flush=True)
    return subprocess.run([str(part) for part in command], check=True, **options)


def check_quote():
    """The guide shows a whole store: the one that is built here."""
    store = (ROOT / "plugins/sdk/example_store/sealed_store.cpp").read_text()
    if store not in (ROOT / "docs/guides/add_a_store.md").read_text():
        sys.exit("docs/guides/add_a_store.md shows another sealed_store.cpp than there is")


def main():
    check_quote()
    build = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="kiln-guest-") as scratch:
        folder = pathlib.Path(scratch)
        prefix, guest, guest_build = folder / "prefix", folder / "guest", folder / "guest_build"
        run("cmake", "--install", build, "--prefix", prefix, stdout=subprocess.DEVNULL)
        # Away from the source tree, so that nothing of it can be found by accident.
        shutil.copytree(ROOT / "plugins/sdk/example_store", guest)
        # The folder has another name each time: the compiler cache is not to mind.
        os.environ |= {"CCACHE_BASEDIR": str(folder), "CCACHE_NOHASHDIR": "1"}
        launcher = shutil.which("ccache")
        run("cmake", "-S", guest, "-B", guest_build, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_INSTALL_PREFIX={prefix}", "-DCMAKE_UNITY_BUILD=ON",
            *([f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}"] if launcher else []))
        run("cmake", "--build", guest_build, "-j2")
        run("ctest", "--test-dir", guest_build, "--output-on-failure", "--no-tests=error")

        run("cmake", "--install", guest_build)
        config = folder / "node.yaml"
        config.write_text(CONFIG)
        run(prefix / "bin/kiln", "check", config)
        told = run(prefix / "bin/kiln", "describe", "store", "metered", capture_output=True, text=True).stdout
        if "The store that is measured." not in told:
            sys.exit(f"the installed kiln does not explain the guest's store:\n{told}")


main()
