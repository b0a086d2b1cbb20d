"""The report's section that compares figures with closed forms."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from stampede.core.models.closed_forms import zipf_shares
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.hit_model import HitModel
from stampede.reports.topics.theory.theory_section import Line, Theory, section
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ContenderInfo
from tests.reports.planted_runs.planted import plant, scenario


@pytest.fixture(scope="module")
def theory(tmp_path_factory: pytest.TempPathFactory) -> Theory:
    folder = tmp_path_factory.mktemp("theory") / "run"
    names = ("cache-aside", "no-cache", "coalescing", "bare-get")
    plant(folder, contenders=names, scenarios=[scenario("stampede")])
    found = section(analyse(read_run(folder)))
    assert found is not None
    return found


def line(theory: Theory, contender: str, quantity: str) -> Line:
    (found,) = [x for x in theory.lines if (x.contender, x.quantity) == (contender, quantity)]
    return found


def test_planted_stampede_agrees_with_theory(theory: Theory) -> None:
    """A simulated cache has 1 + r·Δ queries per expiry and the hit rate of renewal theory; both are confirmed."""
    loads = line(theory, "cache-aside", "queries per expiry")
    assert loads.predicted == pytest.approx(1 + 200 * 0.04, rel=0.02)
    assert loads.obeys == "agrees"
    assert line(theory, "cache-aside", "hit rate").obeys == "agrees"
    assert line(theory, "no-cache", "queries per 1,000 reads").error == 0


def test_protected_contender_has_a_bound_and_no_expectation(theory: Theory) -> None:
    """Coalescing may load less than the unprotected form, never more; a baseline has no prediction."""
    protected = line(theory, "coalescing", "queries per expiry")
    assert protected.bound
    assert protected.obeys == "within the bound"
    assert "bare-get" not in {x.contender for x in theory.lines}


def test_figures_that_differ_from_theory_are_reported(theory: Theory) -> None:
    """A figure far from its form differs; a figure whose whole interval exceeds its bound is beyond it."""
    far = Estimate(value=20.0, low=18.0, high=22.0, level=0.95, rounds=8)
    base = {"scenario": "s", "contender": "c", "quantity": "q", "form": "f", "predicted": 9.0}
    assert Line(**base, measured=far).obeys == "differs"  # type: ignore[arg-type]
    assert Line(**base, measured=far, bound=True).obeys == "beyond the bound"  # type: ignore[arg-type]
    near = Estimate(value=20.0, low=8.0, high=22.0, level=0.95, rounds=8)
    assert Line(**base, measured=near).obeys == "agrees"  # type: ignore[arg-type]
    assert Line(**base, measured=near, bound=True).obeys == "within the bound"  # type: ignore[arg-type]
    none = Estimate(value=math.nan)
    assert Line(**base, measured=none).obeys == ""  # type: ignore[arg-type]
    assert "agree with the formula" in theory.caption


def test_theory_says_that_the_measured_query_time_is_its_input(theory: Theory) -> None:
    """A formula that starts from a measurement must not look like an independent prediction."""
    assert "measured query time as input" in theory.caption


@pytest.mark.parametrize(
    ("measured", "bound", "text"), [(9.04, False, "0 %"), (8.96, False, "0 %"), (9.9, False, "+10 %"), (2.0, True, "")]
)
def test_error_has_no_signed_zero_and_a_bound_has_none(measured: float, bound: bool, text: str) -> None:
    """An upper bound predicts no value, so a distance from it is no error."""
    line = Line(
        scenario="s",
        contender="c",
        quantity="q",
        form="f",
        predicted=9.0,
        measured=Estimate(value=measured),
        bound=bound,
    )
    assert line.error_text == text


def test_run_without_cells_has_no_theory_section(tmp_path: Path) -> None:
    """Without measurements there are no predictions."""
    plant(tmp_path / "run", rounds=1, contenders=("cache-aside",), unfinished=frozenset({1, 2}))
    analysis: Analysis = analyse(read_run(tmp_path / "run"))
    assert section(analysis) is None


@pytest.mark.parametrize(("cpu_ms", "predicts"), [(1.0, True), (0.0, False), (-0.24, False), (10_000.0, False)])
def test_queueing_is_predicted_only_if_a_load_uses_cpu_and_the_cores_suffice(
    tmp_path: Path, cpu_ms: float, predicts: bool
) -> None:
    """A calibration on a busy machine may measure a negative time. The page is still written."""
    info = scenario("stampede")
    info.measured["cpu_ms"] = cpu_ms
    plant(tmp_path / "run", rounds=1, contenders=("cache-aside", "no-cache"), scenarios=[info])
    found = section(analyse(read_run(tmp_path / "run")))
    assert found is not None
    assert ("mean query time" in {x.quantity for x in found.lines}) == predicts


def test_each_contender_is_predicted_by_what_its_writes_and_refreshes_do() -> None:
    """Deletes by writes cost hits, refreshes win some back, and writes that fill win more."""
    shares = zipf_shares(20_000, 1.2)
    model = HitModel(reads_per_s=285 * shares, writes_per_s=15 * shares)
    base = ContenderInfo(name="c", kind="contender", summary="", guarantees=[], config={}, client={})
    deletes = model.hit_rate_of(base, 300.0)
    assert deletes == model.hit_rate(300.0)
    refreshes = model.hit_rate_of(replace(base, config={"refresh_below_share": 300 / 3600}), 300.0)
    fills = model.hit_rate_of(replace(base, on_write="fills"), 300.0)
    assert deletes < refreshes < fills


def test_background_refreshes_have_no_predicted_queries(tmp_path: Path) -> None:
    """A refresh waits in a pool before it queries, so 1 + r·Δ is neither its expectation nor its bound."""
    names = ("cache-aside", "refresh-ahead", "bare-get")
    run = read_run(plant(tmp_path / "run", contenders=names, scenarios=[scenario("stampede")]))
    for contender in run.info.contenders:
        contender.config = {"refresh_below_share": 1 / 12} if contender.name == "refresh-ahead" else {}
    found = section(analyse(run))
    assert found is not None
    assert {x.contender for x in found.lines if x.quantity == "queries per expiry"} == {"cache-aside"}
