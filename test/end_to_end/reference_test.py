#!/usr/bin/env python3
"""The reference of the configuration says what the binary says of its options.

    reference_test.py            fails, with what differs, if docs/reference/configuration.md is stale
    reference_test.py --write    writes it anew (`make reference`)
"""

import argparse
import difflib
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference/configuration.md"
HEAD = "<!-- Made by `make reference` from the schemas of nodes and plugins: change those, not this. -->\n\n"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--binary", default=os.environ.get("KILN_BINARY", ROOT / "build/bin/kiln"))
    options.add_argument("--write", action="store_true")
    chosen = options.parse_args()
    said = subprocess.run([chosen.binary, "describe", "node", "--markdown"], check=True, capture_output=True,
                          text=True).stdout
    wanted = HEAD + said
    if chosen.write:
        REFERENCE.parent.mkdir(parents=True, exist_ok=True)
        REFERENCE.write_text(wanted)
        return
    found = REFERENCE.read_text()
    if found != wanted:
        sys.stderr.writelines(difflib.unified_diff(found.splitlines(True), wanted.splitlines(True), "written", "said"))
        sys.exit(f"{REFERENCE.relative_to(ROOT)} is stale: run `make reference`")


main()
