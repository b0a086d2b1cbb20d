"""The section on transfer: hit rate and queries of this workload under other TTLs and rates."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.core.models import closed_forms as forms
from stampede.core.models.screening import ScreenedPattern, ScreenedWorkload
from stampede.reports.analysis.analysis import Analysis, analyse
from stampede.reports.output import formatting
from stampede.reports.output.html_report import page
from stampede.reports.output.report_model import build_report
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.theory.deciding_values import described
from stampede.reports.topics.theory.hit_model import HitModel, hit_model
from stampede.reports.topics.theory.transfer_chart import CurvePoint
from stampede.reports.topics.theory.transfer_section import (
    MARKS_S,
    QUERY_TIMES_MS,
    RATES_PER_S,
    Transfer,
    TransferRow,
    agreement_text,
    fewer_hits_text,
    section,
)
from stampede.run_folder.read import read_run
from stampede.run_folder.schema import ScenarioInfo
from tests.reports.planted_runs.planted import plant, scenario

CONTENDERS = ("no-cache", "cache-aside", "cache-aside-again")


def read_mostly(ttl_s: float, name: str = "read-mostly", **workload: Any) -> ScenarioInfo:
    """The scenario, or one of its transfer points, with 1,000 records."""
    found = scenario("read-mostly", ttl_s=ttl_s, **workload)
    return replace(found, name=name, variant_of="" if name == "read-mostly" else "read-mostly")


def planted(folder: Path, scenarios: list[ScenarioInfo], **how: Any) -> Analysis:
    plant(folder / "run", contenders=CONTENDERS, scenarios=scenarios, **({"rounds": 6} | how))
    return analyse(read_run(folder / "run"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    points = [read_mostly(2.0, "read-mostly-ttl-2s"), read_mostly(0.5, "read-mostly-ttl-500ms")]
    return planted(tmp_path_factory.mktemp("transfer"), [read_mostly(4.0), *points, scenario("stampede")])


@pytest.fixture(scope="module")
def transfer(run: Analysis) -> Transfer:
    found = section(run)
    assert found is not None
    return found


def test_three_measured_points_are_on_the_curve(run: Analysis, transfer: Transfer) -> None:
    """read-mostly and its two transfer points, by TTL, with the hit rate and interval that the run measured."""
    assert transfer.hits is not None
    points = transfer.hits.points
    assert [(p.scenario, p.ttl_s) for p in points] == [
        ("read-mostly-ttl-500ms", 0.5),
        ("read-mostly-ttl-2s", 2.0),
        ("read-mostly", 4.0),
    ]
    assert [p.measured for p in points] == [run.figure(p.scenario, "cache-aside", "hit-rate") for p in points]
    assert all(p.measured.low <= p.measured.value <= p.measured.high for p in points)
    assert [row[0] for row in transfer.hits.chart.rows[:3]] == ["500 ms", "2 s", "4 s"]


def test_table_has_the_values_of_the_closed_forms(run: Analysis, transfer: Transfer) -> None:
    """Each row: hit rate and queries per second at the run's rate and at ten times that rate."""
    assert transfer.hits is not None
    shares = forms.zipf_shares(1000, 1.2)
    for row, ttl_s in zip(transfer.hits.rows, MARKS_S, strict=True):
        assert row.ttl == formatting.duration(ttl_s)
        for times, percent, queries in (
            (1, row.hit_percent, row.queries_per_s),
            (10, row.tenfold_hit_percent, row.tenfold_queries_per_s),
        ):
            hits = forms.ttl_hit_rate(
                times * 285 * shares, ttl_s, load_s=mean_query(run), writes_per_s=times * 15 * shares
            )
            assert percent == pytest.approx(100 * hits)
            assert queries == pytest.approx(times * 285 * (1 - hits))


def mean_query(run: Analysis) -> float:
    """The mean time of the queries of cache-aside in read-mostly, in seconds."""
    rows = [cell.rows.floats("load_end_s") - cell.rows.floats("load_start_s") for cell in run.of(*PLAIN_CELLS)]
    return float(np.nanmean(np.concatenate(rows)))


PLAIN_CELLS = ("read-mostly", "cache-aside")


def test_sentence_names_the_conditions_and_what_to_expect(transfer: Transfer) -> None:
    """TTL, rate, records and measured hits with their interval; then a TTL of a minute and ten times the rate."""
    assert transfer.hits is not None
    minute = transfer.hits.rows[1]
    text = transfer.hits.sentence
    assert text.startswith("This run: TTL 4 s, 300 requests/s, 95 % reads, 1,000 records with a Zipf skew of 1.2: ")
    assert re.search(r"\d % hits \([\d.]+ – [\d.]+\)", text)
    assert text.endswith(
        f"By theory, a TTL of 1 min gives {minute.hit_percent:.0f} % at this rate and "
        f"{minute.tenfold_hit_percent:.0f} % at ten times this rate."
    )


def test_queries_per_expiry_have_their_measured_point_and_a_table(run: Analysis, transfer: Transfer) -> None:
    """1 + rate × query time: predicted from the run's values, measured with cache-aside, and for other values."""
    assert transfer.expiry is not None
    assert transfer.expiry.measured == run.figure("stampede", "cache-aside", "loads-per-expiry")
    assert transfer.expiry.predicted == pytest.approx(1 + 200 * 0.04, rel=0.02)
    assert transfer.expiry.measured.low <= transfer.expiry.predicted <= transfer.expiry.measured.high
    for row, rate in zip(transfer.expiry.rows, RATES_PER_S, strict=True):
        assert row.queries == [1 + rate * ms / 1e3 for ms in QUERY_TIMES_MS]


def test_transfer_points_have_no_section_and_keep_their_anchors(run: Analysis) -> None:
    """The page shows them on the curve only; a link to one of them leads to the curve."""
    html = page(build_report(run))
    assert '<section id="read-mostly" ' in html
    assert '<section id="read-mostly-ttl-2s"' not in html
    start = html.index('<section id="transfer">')
    assert start < html.index('id="read-mostly-ttl-2s"') < html.index("</section>", start)
    assert 'id="transfer-chart-narrow-title"' in html


@pytest.mark.parametrize(
    ("workload", "why"),
    [
        ({"arrivals": "closed"}, "assumes Poisson arrivals"),
        ({"arrivals": "constant"}, "assumes Poisson arrivals"),
        ({"own_sql": True}, "how many ids"),
    ],
)
def test_section_says_why_the_model_does_not_fit(tmp_path: Path, workload: dict[str, Any], why: str) -> None:
    """Other arrivals, or an unknown number of ids: there is no curve, and the page says so."""
    analysis = planted(tmp_path, [read_mostly(1.0, **workload)], rounds=1)
    found = section(analysis)
    assert found is not None
    assert found.hits is None
    assert why in found.why_no_hits
    assert "no scenario in which one hot key expires" in found.why_no_expiry
    html = page(build_report(analysis))
    assert f"not available; {found.why_no_hits}" in html
    assert f"not available; {found.why_no_expiry}" in html


def test_own_sql_has_a_curve_over_its_ids(tmp_path: Path) -> None:
    """The requests have Zipf popularity over the ids that the SQL returned, whatever the size of our own table."""
    own = read_mostly(1.0, own_sql=True)
    own.measured["ids"] = 50.0
    found = section(planted(tmp_path, [own], rounds=1))
    assert found is not None
    assert found.hits is not None
    assert "50 ids" in found.hits.sentence


def test_run_with_a_hot_key_only_has_no_curve(tmp_path: Path) -> None:
    """One key has no distribution; queries per expiry remain."""
    found = section(planted(tmp_path, [scenario("stampede")], rounds=1))
    assert found is not None
    assert (found.hits, found.why_no_hits) == (None, "this run has no scenario with many keys")
    assert found.expiry is not None


def forecast(ttl: str, percent: float, tenfold: float) -> TransferRow:
    return TransferRow(
        ttl=ttl, hit_percent=percent, queries_per_s=1.0, tenfold_hit_percent=tenfold, tenfold_queries_per_s=10.0
    )


def test_section_explains_why_a_higher_rate_has_fewer_hits() -> None:
    """Writes delete popular entries more often; the note names the first TTL at which this outweighs more reads."""
    rising = [forecast("10 s", 73, 78), forecast("1 min", 82, 84)]
    assert fewer_hits_text(rising) == ""
    text = fewer_hits_text([*rising, forecast("10 min", 90, 87), forecast("1 h", 93, 88)])
    assert text.startswith("From a TTL of 10 min on, ten times the rate has fewer hits")


def point(ttl_s: float, measured: float, predicted: float) -> CurvePoint:
    return CurvePoint(scenario="s", ttl_s=ttl_s, predicted=predicted, measured=Estimate(value=measured))


def test_agreement_names_each_point_that_is_far_from_theory() -> None:
    """Within three points of theory is said of all; a larger difference is said with its size and direction."""
    near = [point(10, 70, 67.1), point(60, 80, 82.9)]
    assert agreement_text(near) == "All 2 measured points of cache-aside are within 3 percentage points of theory."
    text = agreement_text([*near, point(300, 80, 84.2)])
    assert text.endswith("at a TTL of 5 min it is 4.2 percentage points below theory.")
    assert "1 min" not in text
    assert "did not measure" in agreement_text([])


models = st.builds(
    lambda keys, skew, rate, share, query_s: HitModel(
        reads_per_s=forms.zipf_shares(keys, skew) * rate * share,
        writes_per_s=forms.zipf_shares(keys, skew) * rate * (1 - share),
        query_s=query_s,
    ),
    keys=st.integers(1, 300),
    skew=st.floats(0, 2),
    rate=st.floats(1, 5000),
    share=st.floats(0.05, 1),
    query_s=st.sampled_from([0.0, 0.005, 0.5]),
)
ttls = st.floats(0.05, 86_400)


@given(models, ttls, ttls)
def test_hit_rate_is_a_share_that_rises_with_the_ttl(model: HitModel, one: float, other: float) -> None:
    """Whatever the keys, writes and query time: between 0 and 1, and a longer TTL never lowers it."""
    low, high = (model.hit_rate(ttl_s) for ttl_s in sorted((one, other)))
    assert 0 <= low <= 1
    assert low <= high + 1e-12


@given(models, ttls, st.floats(1, 100))
def test_hit_rate_rises_with_the_rate_if_queries_take_no_time(model: HitModel, ttl_s: float, times: float) -> None:
    """Reads and writes grow together: more reads find each entry, and each of its lives still has more reads."""
    instant = replace(model, query_s=0.0)
    assert instant.hit_rate(ttl_s) <= instant.hit_rate(ttl_s, times) + 1e-12


@given(models, st.floats(0.05, 0.99))
def test_the_ttl_for_a_hit_rate_is_the_shortest_that_has_it(model: HitModel, wanted: float) -> None:
    """A longer TTL has at least that rate, a shorter one at most; infinity: not even 30 days reach it."""
    ttl_s = model.ttl_for(wanted)
    if np.isinf(ttl_s):
        assert model.hit_rate(forms.LONGEST_TTL_S) < wanted
    else:
        assert model.hit_rate(ttl_s * 1.0001) >= wanted - 1e-9
        assert ttl_s <= 0.0011 or model.hit_rate(ttl_s * 0.999) <= wanted + 1e-9


def test_model_counts_active_records_only() -> None:
    """Requests concern the active records; the other rows of the table are never requested."""
    model = hit_model(read_mostly(1.0, records=100_000, active_records=200), query_s=0.0)
    assert model is not None
    assert len(model.reads_per_s) == 200


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0.5, "500 ms"), (1.4, "1.4 s"), (10, "10 s"), (60, "1 min")),
        *((384, "6.4 min"), (3600, "1 h"), (86_400, "1 day"), (172_800, "2 days")),
    ],
)
def test_a_ttl_has_its_largest_fitting_unit(seconds: float, text: str) -> None:
    """An hour is printed as 1 h, not as 3,600 s."""
    assert formatting.duration(seconds) == text


def test_values_that_decide_need_a_run_that_agrees_with_theory(tmp_path: Path) -> None:
    """The part about deciding values is left out if a measured hit rate is more than three points from theory."""
    found = section(planted(tmp_path, [read_mostly(4.0)]))
    assert found is not None
    assert found.hits is not None
    agrees = all(abs(point.difference) <= 3 for point in found.hits.points)
    assert (found.deciding is not None) == agrees


def test_the_rows_of_deciding_values_have_units() -> None:
    """Each of the five values is printed with its unit, its effect in per cent, and what changes."""
    candidates = [
        ScreenedPattern(name="cache-aside", on_write="deletes"),
        ScreenedPattern(name="write-through", on_write="fills"),
    ]
    values = ScreenedWorkload(rate_per_s=300, write_share=0.05, keys=20_000, key_skew=1.2, ttl_s=300, query_s=0.0055)
    found = described(values, candidates)
    rows = {row.name: row for row in found.rows}
    assert [rows[name].value for name in ("request rate", "TTL", "query time", "write share")] == [
        "300/s",
        "5 min",
        "5.50 ms",
        "5.00 %",
    ]
    assert "cache-aside" in rows["write share"].changes
    assert all(re.match(r"[+-]\d+ % from ", row.queries) for row in found.rows)
