#!/usr/bin/env python3
"""Every proof that docs/reference/errors.md names is there: `suite/case` stands in some test. Exit 1 if one does not."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLAIM = re.compile(r"BOOST_(?:AUTO|FIXTURE)_TEST_(SUITE|CASE)\(\s*(\w+)")


def cases():
    """All of them, as "suite/case"."""
    for path in sorted((ROOT / "test").rglob("*_test.cpp")):
        suite = None
        for kind, name in CLAIM.findall(path.read_text()):
            if kind == "SUITE":
                suite = name
            else:
                yield f"{suite}/{name}"


def main():
    known = set(cases())
    rows = [line for line in (ROOT / "docs/reference/errors.md").read_text().splitlines() if line.startswith("| ")]
    rows = [row for row in rows if not row.startswith("| situation")]
    missing = [row for row in rows if not re.search(r"`\w+/\w+`", row)]
    missing += [name for row in rows for name in re.findall(r"`(\w+/\w+)`", row) if name not in known]
    for name in missing:
        print("no proof:", name)
    print(f"{len(rows)} situations, {len(missing)} without a proof")
    return 1 if missing or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
