"""A test that makes its choices by a seed, which it prints, in a folder that is gone when it ends."""

import argparse
import os
import pathlib
import random
import shutil
import tempfile

BINARY = os.environ.get("KILN_BINARY", str(pathlib.Path(__file__).resolve().parents[2] / "build/bin/kiln"))


def seeded_run(about, run, repeats, more=()):
    """Parses the command line and returns what `run(options, folder)` does.

    about    the script's docstring; its first line is the help
    repeats  the option that says how often, and its default: ("--restarts", 4)
    more     further options: (name, the arguments of add_argument)
    """
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument(repeats[0], type=int, default=repeats[1])
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    for name, arguments in more:
        parser.add_argument(name, **arguments)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kiln-seeded-"))
    try:
        return run(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
