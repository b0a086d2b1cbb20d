"""Claims that depend on the TTL are judged at the TTL of the run; theory names the TTL from which they hold."""

import re
from dataclasses import replace

import pytest

from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.claims import c10_database as c10
from stampede.reports.claims import c11_response as c11
from stampede.reports.claims.claim import Case
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.hit_model import plain_model
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ScenarioInfo
from tests.reports.planted_runs.planted import plant, scenario


def many_keys(name: str, **workload: float) -> ScenarioInfo:
    return replace(scenario("read-mostly", **({"ttl_s": 0.1, "read_share": 1.0} | workload)), name=name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    """read-mostly, the same with mostly writes, and a transfer point."""
    point = replace(many_keys("read-mostly-ttl-200ms", ttl_s=0.2), variant_of="read-mostly")
    scenarios = [many_keys("read-mostly"), many_keys("written", read_share=0.2), point]
    folder = tmp_path_factory.mktemp("ttl") / "run"
    plant(folder, rounds=3, contenders=("no-cache", "cache-aside"), scenarios=scenarios)
    return analyse(read_run(folder))


def seconds(figure: str) -> float:
    """The TTL that theory names in a figure's text, in seconds."""
    found = re.search(r"from a TTL of ([\d.]+) (m?s) at this rate", figure)
    assert found is not None
    return float(found[1]) * (1e-3 if found[2] == "ms" else 1.0)


def by_condition(cases: list[Case], name: str) -> Case:
    (found,) = [case for case in cases if f"({name}, " in case.condition]
    return found


@pytest.mark.parametrize(("low", "high", "answer"), [(60, 80, "yes"), (150, 180, "no"), (90, 110, "unclear")])
def test_ninety_per_cent_off_the_database_is_a_tenth_of_the_queries(low: float, high: float, answer: str) -> None:
    """C10: the whole interval of the queries lies below or above a tenth of those without a cache, or it is unclear."""
    with_ = Estimate(value=(low + high) / 2, low=low, high=high, level=0.95, rounds=10)
    assert c10.of_loads("p", with_, Estimate(value=1000.0)).answer == answer


def test_ninety_per_cent_names_the_ttl_from_which_it_holds(run: Analysis) -> None:
    """C10: the verdict is that of the measured TTL; theory names a longer one."""
    case = by_condition(c10.cases(run), "read-mostly")
    model = plain_model(run, run.scenarios[0])
    assert model is not None
    assert case.answer == "no"
    assert "TTL 100 ms" in case.condition
    assert model.hit_rate(seconds(case.figure)) == pytest.approx(0.9, abs=0.001)


def test_ninety_per_cent_says_that_writes_exclude_it(run: Analysis) -> None:
    """C10: if most requests are writes that delete entries, no TTL takes 90 % off the database."""
    assert "holds at no TTL at this rate" in by_condition(c10.cases(run), "written").figure


def test_transfer_point_is_a_case_of_its_own(run: Analysis) -> None:
    """C10: a second TTL is measured, and theory is named once, at the scenario that the point repeats."""
    case = by_condition(c10.cases(run), "read-mostly-ttl-200ms")
    assert "TTL 200 ms" in case.condition
    assert case.answer == "no"
    assert "theory" not in case.figure


def test_single_digits_name_the_ttl_from_which_the_median_read_is_a_hit(run: Analysis) -> None:
    """C11: half of the reads hit at that TTL."""
    case = by_condition(c11.cases(run), "read-mostly")
    model = plain_model(run, run.scenarios[0])
    assert model is not None
    assert model.hit_rate(seconds(case.figure)) == pytest.approx(0.5, abs=0.01)
    assert "a hit at no TTL" in by_condition(c11.cases(run), "written").figure


def test_theory_changes_no_verdict() -> None:
    """The text from theory is part of the figure only."""
    with_, without = Estimate(value=150, low=140, high=160, level=0.95, rounds=10), Estimate(value=1000, rounds=10)
    plain, named = (c10.of_loads("p", with_, without, by_theory=text) for text in ("", "by theory it holds"))
    assert (plain.answer, plain.why) == (named.answer, named.why)
    assert "by theory it holds" in named.figure
    pair = c11.ResponsePair(place="p", without_ms=replace(with_, value=250, low=240, high=260), hit_ms=with_)
    (plain,), (named,) = (c11.cases_of([replace(pair, by_theory=text)]) for text in ("", "by theory it holds"))
    assert (plain.answer, plain.why) == (named.answer, named.why)
    assert named.figure == f"{plain.figure}; by theory it holds"
