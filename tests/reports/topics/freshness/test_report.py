"""What the report makes of freshness, on planted folders whose truth is known."""

from pathlib import Path

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output.html_report import render, write_report
from stampede.reports.output.report_model import build_report
from stampede.run_folder.read import read_run
from tests.reports.planted_runs.planted import Change, plant, scenario
from tests.reports.topics.freshness.planted_versions import versioned


def planted(folder: Path, change: Change, rounds: int = 8) -> Analysis:
    contenders = ("no-cache", "cache-aside", "write-through", "cache-aside-again", "bare-get")
    mixed = scenario("read-heavy", read_share=0.7)
    return analyse(read_run(plant(folder, rounds=rounds, contenders=contenders, scenarios=[mixed], change=change)))


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """write-through returns what was current 50 ms before; all others what is."""
    return planted(tmp_path_factory.mktemp("told") / "run", versioned(stale_ms=50, only="write-through"))


def value(analysis: Analysis, contender: str, metric: str) -> float:
    return analysis.figure("read-heavy", contender, metric).value


def test_who_returns_the_newest_committed_version_has_no_stale_read(told: Analysis) -> None:
    """And the figure says what so many reads can exclude, not zero alone."""
    figure = told.figure("read-heavy", "cache-aside", "stale-after-told")
    assert (figure.value, figure.low) == (0, 0)
    assert 0 < figure.high < 0.2
    assert value(told, "cache-aside", "stale-age-max") == 0
    assert value(told, "cache-aside", "fresh-99") == 0
    assert 99 < value(told, "cache-aside", "right-10ms") < 100


def test_who_lags_by_50_ms_is_stale_for_50_ms(told: Analysis) -> None:
    assert value(told, "write-through", "stale-after-told") > 1
    assert 30 < value(told, "write-through", "stale-age-max") <= 50
    assert 30 < value(told, "write-through", "fresh-99") < 70
    assert value(told, "write-through", "right-10ms") < 99
    assert told.figure("read-heavy", "write-through", "right-1s").why.startswith("at least: 0 wrong of")
    assert told.verdicts["read-heavy", "write-through", "stale-after-told"].sentence == "worse"


def test_rulers_are_not_judged(told: Analysis) -> None:
    assert told.figure("read-heavy", "bare-get", "stale-after-told").missing


def test_the_page_draws_the_curve_and_the_frontier(told: Analysis) -> None:
    page = write_report(build_report(told)).read_text(encoding="utf-8")
    for anchor in ("read-heavy-share-fresh", "read-heavy-frontier", "read-heavy-freshness"):
        assert f'id="{anchor}"' in page
    assert "How long after a write can I still read the old value?" in page


def test_what_is_not_versioned_is_not_judged(tmp_path: Path) -> None:
    plain = planted(tmp_path / "run", lambda _cell, rows: rows, rounds=1)
    assert plain.figure("read-heavy", "cache-aside", "stale-after-told").why.startswith("not judged")
    assert "share-fresh" not in write_report(build_report(plain)).read_text(encoding="utf-8")


def test_a_sweep_of_ttls_is_drawn_over_its_scenarios(tmp_path: Path) -> None:
    names = {"ttl-sweep-1s": 1.0, "ttl-sweep-300ms": 0.3}
    family = [scenario(name, active_records=None, read_share=0.7, ttl_s=ttl_s) for name, ttl_s in names.items()]
    contenders = ("cache-aside", "write-through")
    folder = plant(tmp_path / "run", rounds=1, contenders=contenders, scenarios=family, change=versioned(stale_ms=50))
    page = render(folder).read_text(encoding="utf-8")
    assert 'id="ttl-sweep-300ms-sweep"' in page
    assert "From a TTL of 0.3 s to one of 1 s" in page
