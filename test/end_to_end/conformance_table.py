#!/usr/bin/env python3
"""Writes the table of docs/conformance.md anew: every rule with its outcome against the all-in-one profile."""

import argparse
import pathlib
import subprocess

from kiln_process import Kiln

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/conformance.md"
MARK = "<!-- From here on made by `make conformance`. -->\n"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binary", default=ROOT / "build/bin/kiln")
    chosen = options.parse_args()
    with Kiln(str(chosen.binary)) as server:
        said = subprocess.run([chosen.binary, "conform", server.address, "--markdown"], capture_output=True, text=True,
                              check=False)
    if said.returncode not in (0, 1):
        raise SystemExit(said.stderr)
    text = DOCUMENT.read_text()
    DOCUMENT.write_text(text[:text.index(MARK) + len(MARK)] + said.stdout)


main()
