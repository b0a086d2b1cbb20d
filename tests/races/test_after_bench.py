"""The exploration after a bench: the contenders that ran, the facts in the run folder, and the report.

The runs are planted; the exploration and the servers are real.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from stampede.races.after_bench import explore_after_bench
from stampede.races.exploration_runs import INTERRUPTED, RacesEvent
from stampede.reports.output.html_report import render
from stampede.run_folder.races_json import RacesInfo, read_races
from stampede.run_folder.read import read_run
from stampede.run_folder.write import RunWriter
from stampede.scenarios.interleavings.situation import situations
from stampede.scenarios.plans import PLANS
from stampede.stack.servers import Stack
from tests.reports.planted_runs.planted import plant, scenario

UNFIT = """
from stampede.patterns.caching.cache_pattern import CachePattern, Guarantee


class Unfit(CachePattern):
    summary = "cannot be built"
    guarantees = frozenset({Guarantee.EVENTUALLY_FRESH})

    def __init__(self, context, config):
        raise RuntimeError("not here")

    def get(self, record_id):
        return None

    def update(self, record_id, changes):
        return None

    def invalidate(self, record_id):
        return None
"""


def planted(folder: Path, *names: str, file: Path | None = None) -> Path:
    """A run folder in which these contenders ran. `file`: the file of the last one."""
    plant(folder, rounds=1, contenders=names, scenarios=[scenario("stampede")])
    if file is not None:
        info = read_run(folder).info
        info.contenders[-1].file = str(file)
        RunWriter(folder, info)
    return folder


def explored(folder: Path, stack: Stack, on_event: Callable[[RacesEvent], None] = lambda _event: None) -> RacesInfo:
    explore_after_bench(folder, stack, on_event, lambda _line: None)
    return read_races(folder)


def races_remarks(folder: Path) -> list[str]:
    return [remark["what"] for remark in read_run(folder).info.remarks if remark["name"] == "races"]


def test_only_the_plans_standard_and_full_explore() -> None:
    assert {name for name, plan in PLANS.items() if plan.races} == {"standard", "full"}


def test_only_contenders_that_ran_are_explored_and_no_baselines_copies_or_opt_in_contenders(
    stack: Stack, tmp_path: Path
) -> None:
    names = ("cache-aside", "cache-aside-warmed", "bare-get", "cache-aside-again")
    folder = planted(tmp_path / "run", *names)
    info = explored(folder, stack)
    assert [c["name"] for c in info.contenders] == ["cache-aside"]
    assert {e.situation for e in info.explorations} == {n for n, s in situations().items() if not s.limiting}
    assert info.skipped.keys() == {"cache-aside-warmed"}
    assert info.word("cache-aside", "eventually-fresh") == "broken"
    assert races_remarks(folder) == []
    text = render(folder).read_text(encoding="utf-8")
    assert "Which contender keeps which guarantee?" in text
    assert "not explored: it runs only in scenarios that name it" in text
    assert text.count('<svg xmlns="http://www.w3.org/2000/svg" class="sequence"') >= 1


def test_a_contender_that_cannot_be_explored_is_a_remark_and_the_next_one_is_explored(
    stack: Stack, tmp_path: Path
) -> None:
    file = tmp_path / "unfit.py"
    file.write_text(UNFIT, encoding="utf-8")
    folder = planted(tmp_path / "run", "no-cache", "unfit", file=file)
    info = explored(folder, stack)
    assert {e.contender for e in info.explorations} == {"no-cache"}
    assert "not here" in info.skipped["unfit"]
    (remark,) = races_remarks(folder)
    assert "the races of unfit" in remark


def test_ctrl_c_passes_through_and_keeps_the_results(stack: Stack, tmp_path: Path) -> None:
    folder = planted(tmp_path / "run", "no-cache", "ttl-only", "cache-aside")

    def stop(event: RacesEvent) -> None:
        if event.contender == "ttl-only":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        explored(folder, stack, stop)
    info = read_races(folder)
    assert {e.contender for e in info.explorations} == {"no-cache"}
    assert info.skipped == {"ttl-only": INTERRUPTED, "cache-aside": INTERRUPTED}
    (remark,) = races_remarks(folder)
    assert "ttl-only, cache-aside" in remark
    assert f"not explored: {INTERRUPTED}" in render(folder).read_text(encoding="utf-8")


def test_a_run_without_contenders_explores_nothing(stack: Stack, tmp_path: Path) -> None:
    folder = planted(tmp_path / "run", "bare-get")
    assert explore_after_bench(folder, stack, lambda _event: None, lambda _line: None) is None
    assert not (folder / "races.json").exists()
