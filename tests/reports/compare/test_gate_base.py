"""The gate with a base: the run itself, a run with equal facts, and a base that keeps a guarantee."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stampede.run_folder.schema import CellInfo
from tests.reports.compare.test_comparing import call, changed, changed_in_place, guarantee
from tests.reports.planted_runs.planted import Row, plant, scenario


def from_the_future(_cell: CellInfo, rows: list[Row]) -> list[Row]:
    """Reads that return a version whose commit began later: the run is void."""
    for row in rows:
        row |= {"key": 1}
        if row["operation"] == "write":
            row |= {"version_written": 1, "commit_start_ns": row["end_ns"] - 2, "commit_end_ns": row["end_ns"] - 1}
        else:
            row |= {"version_read": 1}
    return rows


KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "one round": {"rounds": 1},
    "cells that never ran": {"unfinished": frozenset({2, 5})},
    "cut": {"status": "cut"},
    "failed": {"status": "failed"},
    "void": {"scenarios": [scenario("read-mostly")], "change": from_the_future},
    "an outage alone": {"scenarios": [replace(scenario("read-mostly"), report_separately=True)]},
    "nothing done": {"unfinished": frozenset(range(100))},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_passes_against_itself(kind: str, tmp_path: Path) -> None:
    """It passes with any content and any warnings, because nothing changed; so does a copy in another folder."""
    chosen: dict[str, Any] = {"scenarios": [scenario("stampede")], "rounds": 2, "contenders": ("no-cache",)}
    folder = plant(tmp_path / "run", **(chosen | KINDS[kind]))
    guarantee(folder, "no-cache", "NO_STALE_AFTER_WRITE")
    shutil.copytree(folder, tmp_path / "copy")
    for base in (folder, tmp_path / "copy"):
        code, output = call("gate", folder, "--against", base)
        assert code == 0, output
        assert output.startswith("gate: pass")


@pytest.mark.parametrize(
    ("kind", "code"), [("plain", 0), ("one round", 0), ("cells that never ran", 0), ("cut", 0), ("void", 3)]
)
def test_a_run_with_the_facts_of_its_base_does_not_fail(kind: str, code: int, tmp_path: Path) -> None:
    """It passes; if both runs are void, the gate cannot tell."""
    chosen: dict[str, Any] = {"scenarios": [scenario("stampede")], "rounds": 2, "contenders": ("no-cache",)}
    folder = plant(tmp_path / "run", **(chosen | KINDS[kind]))
    other = changed(folder, tmp_path / "other", ("started_utc",), "2026-01-03T00:00:00Z")
    assert call("gate", folder, "--against", other)[0] == code


def stale_in(rounds: int) -> Callable[[CellInfo, list[Row]], list[Row]]:
    """No-cache returns the old value after an acknowledged write, in the given number of first rounds."""

    def change(cell: CellInfo, rows: list[Row]) -> list[Row]:
        version = 0
        for row in sorted(rows, key=lambda row: row["start_ns"]):
            row |= {"key": 1}
            if row["operation"] == "write":
                version += 1
                row |= {"version_written": version}
                row |= {"commit_start_ns": row["start_ns"], "commit_end_ns": row["start_ns"] + 1}
            else:
                row |= {"version_read": 0 if cell.round <= rounds else version}
        return rows

    return change


def test_a_guarantee_that_the_base_kept_and_the_run_breaks_fails(tmp_path: Path) -> None:
    """Broken in every round: it fails. Also broken in the base: no change. In one round of six: cannot tell."""
    folders = {}
    for rounds in (0, 1, 6):
        folders[rounds] = plant(
            tmp_path / str(rounds),
            rounds=6,
            contenders=("no-cache",),
            scenarios=[scenario("read-mostly", rate_per_s=60.0)],
            change=stale_in(rounds),
        )
        guarantee(folders[rounds], "no-cache", "NO_STALE_AFTER_WRITE")
        changed_in_place(folders[rounds], ("started_utc",), f"2026-01-03T00:00:0{rounds}Z")
    ruled = {}
    for base, run in ((0, 6), (0, 1), (1, 6), (6, 1), (6, 0)):
        output = call("gate", folders[run], "--against", folders[base], "--verbose")[1]
        (line,) = [x for x in output.splitlines() if "no stale read after a write was acknowledged" in x]
        ruled[base, run] = line.split(":")[0]
    assert ruled == {(0, 6): "FAIL", (0, 1): "CANNOT TELL", (1, 6): "PASS", (6, 1): "PASS", (6, 0): "PASS"}
