"""Prints the SHA-256 of every file of a report, to show whether a change of code changes reports.

    scripts/golden.py RUN... > before.sha256
    scripts/golden.py RUN... --against before.sha256

Copies of the run folders are rendered; the folders themselves are not changed. A planted run is always included.
Exit code 1: a file differs, or exists on one side only.
"""

import argparse
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `tests`, which is not installed

from stampede.reports.output.html_report import render
from tests.reports.planted_runs.planted import plant

RENDERED = ("*.html", "*.csv")


def hashes(folder: Path, name: str) -> dict[str, str]:
    """Render a run folder. Returns the hash of each file by its name."""
    for pattern in RENDERED:
        for old in folder.glob(pattern):
            old.unlink()
    render(folder)
    files = sorted(path for pattern in RENDERED for path in folder.glob(pattern))
    return {f"{name}/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_hashes(path: Path) -> dict[str, str]:
    """The hashes that an earlier call printed."""
    lines = (line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in lines}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path, help="run folders, in addition to the planted run")
    parser.add_argument("--against", type=Path, help="an earlier output of this script, to compare with")
    chosen = parser.parse_args()
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        found |= hashes(plant(Path(scratch) / "planted"), "planted")
        for run in chosen.runs:
            found |= hashes(Path(shutil.copytree(run, Path(scratch) / run.resolve().name)), run.resolve().name)
    if chosen.against is None:
        print("\n".join(f"{digest}  {name}" for name, digest in found.items()))
        return 0
    before = read_hashes(chosen.against)
    differing = sorted(name for name in before.keys() | found.keys() if before.get(name) != found.get(name))
    print(f"{len(found)} files, {len(differing)} differ{': ' if differing else ''}{', '.join(differing)}")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
