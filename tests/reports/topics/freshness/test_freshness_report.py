"""Freshness in the report, on planted run folders with known results."""

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
    mixed = scenario("read-mostly", read_share=0.7)
    return analyse(read_run(plant(folder, rounds=rounds, contenders=contenders, scenarios=[mixed], change=change)))


@pytest.fixture(scope="module")
def stale(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """write-through returns the version of 50 ms ago; all other contenders return the current one."""
    return planted(tmp_path_factory.mktemp("stale") / "run", versioned(stale_ms=50, only="write-through"))


def value(analysis: Analysis, contender: str, metric: str) -> float:
    return analysis.figure("read-mostly", contender, metric).value


def test_contender_that_returns_the_newest_version_has_no_stale_reads(stale: Analysis) -> None:
    """The figure includes the upper bound that the number of reads supports, not only zero."""
    figure = stale.figure("read-mostly", "cache-aside", "stale-after-told")  # quoted
    assert (figure.value, figure.low) == (0, 0)
    assert 0 < figure.high < 0.2
    assert value(stale, "cache-aside", "stale-age-max") == 0
    assert value(stale, "cache-aside", "fresh-99") == 0
    assert 99 < value(stale, "cache-aside", "right-10ms") < 100


def test_contender_that_lags_by_50_ms_is_stale_for_50_ms(stale: Analysis) -> None:
    assert value(stale, "write-through", "stale-after-told") > 1  # quoted
    assert 30 < value(stale, "write-through", "stale-age-max") <= 50
    assert 30 < value(stale, "write-through", "fresh-99") < 70
    assert value(stale, "write-through", "right-10ms") < 99
    assert stale.figure("read-mostly", "write-through", "right-1s").why.startswith("at least: 0 wrong of")
    assert stale.verdicts["read-mostly", "write-through", "stale-after-told"].sentence == "worse"  # quoted


def test_baselines_have_no_freshness_figures(stale: Analysis) -> None:
    assert stale.figure("read-mostly", "bare-get", "stale-after-told").missing  # quoted


def test_page_has_the_curve_and_the_frontier(stale: Analysis) -> None:
    page = write_report(build_report(stale)).read_text(encoding="utf-8")
    for anchor in ("read-mostly-share-fresh", "read-mostly-frontier", "read-mostly-freshness"):
        assert f'id="{anchor}"' in page
    assert "How long after a write can I still read the old value?" in page


def test_run_without_versions_has_no_freshness_figures(tmp_path: Path) -> None:
    plain = planted(tmp_path / "run", lambda _cell, rows: rows, rounds=1)
    assert plain.figure("read-mostly", "cache-aside", "stale-after-told").why.startswith("not judged")  # quoted
    assert "share-fresh" not in write_report(build_report(plain)).read_text(encoding="utf-8")


def test_ttl_sweep_has_one_chart_over_its_scenarios(tmp_path: Path) -> None:
    names = {"ttl-sweep-1s": 1.0, "ttl-sweep-300ms": 0.3}
    family = [scenario(name, active_records=None, read_share=0.7, ttl_s=ttl_s) for name, ttl_s in names.items()]
    contenders = ("cache-aside", "write-through")
    folder = plant(tmp_path / "run", rounds=1, contenders=contenders, scenarios=family, change=versioned(stale_ms=50))
    page = render(folder).read_text(encoding="utf-8")
    assert 'id="ttl-sweep-300ms-sweep"' in page
    assert "From a TTL of 0.3 s to one of 1 s" in page
