"""The serializers page, from planted facts with known results."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from stampede.core.errors import RunFolderError
from stampede.core.files import write_whole
from stampede.reports.statistics.estimate import Estimate
from stampede.reports.topics.serializers.break_even import positive_between, size_at
from stampede.reports.topics.serializers.serializer_advice import (
    MOST_WORDS,
    SerializerAdvice,
    advise,
    headline,
    saving_text,
)
from stampede.reports.topics.serializers.serializer_analysis import pairs, verdicts
from stampede.reports.topics.serializers.serializer_facts import SerializerFacts, read_facts
from stampede.reports.topics.serializers.serializer_limits import limits
from stampede.reports.topics.serializers.serializer_records import section
from stampede.reports.topics.serializers.serializers_console import lines
from stampede.reports.topics.serializers.serializers_page import render_serializers, warnings
from stampede.run_folder.schema import ContenderInfo, RunInfo, ScenarioInfo
from stampede.run_folder.serializer_tables import write_part

ROUNDS = 20
SCHEMA = {"msgspec-json": "reader", "protobuf": "both"}


def contender(name: str) -> ContenderInfo:
    config = {"wire": "", "schema": SCHEMA.get(name, "none"), "validates": False, "runs_code": name == "pickle"}
    aa_copy = "json" if name == "json-again" else None
    kind = "aa-copy" if aa_copy else "contender"
    return ContenderInfo(name=name, kind=kind, summary=name, guarantees=[], config=config, client={}, copy_of=aa_copy)


def planted(
    folder: Path,
    us: dict[str, float],
    *,
    sizes: dict[str, int] | None = None,
    rounds: int = ROUNDS,
    noise: float = 0.01,
) -> SerializerFacts:
    """A run with one kind of record in which each serializer's encode and decode take `us`, with noise per round."""
    names = list(us)
    run = RunInfo(
        plan="serializers",
        rounds=rounds,
        reference="json",
        seed=1,
        command="",
        started_utc="2026-11-30T12:00:00Z",
        status="finished",
    )
    run.contenders = [contender(name) for name in names]
    run.scenarios = [
        ScenarioInfo(
            name="user",
            question="",
            application="a row",
            expectation="",
            workload={},
            window_s=0,
            drain_s=0,
            processes=1,
        )
    ]
    write_whole(folder / "run.json", json.dumps(run.as_json()).encode())
    rng = np.random.default_rng(7)
    for number in range(1, rounds + 1):
        rows: list[tuple[object, ...]] = []
        for name in names:
            for operation in ("encode", "decode"):
                ns = round(1e5 * us[name] * math.exp(rng.normal(0, noise)))
                rows += [(number, 0, "user", name, operation, 100, 9 * ns, ns)] * 3
        rows.append((number, 0, "user", "json", "raw-get", 100, 20_000_000, None))
        write_part(folder, "batches", number, rows)
    weigh = sizes or {}
    write_part(folder, "sizes", 0, [("user", n, "", 10, 10 * weigh.get(n, 200), 0, "same", "") for n in names])
    write_part(
        folder, "fidelity", 0, [("json", "untyped", "NaN", "changed", "None"), ("json", "typed", "NaN", "same", "")]
    )
    write_part(folder, "changes", 0, [("json", "added", "old bytes, new code", "same", "")])
    write_part(folder, "attacks", 0, [("pickle", "code", "ran code", "it did", 10, 10, 0)])
    return read_facts(folder)


BASE = {"json": 10.0, "json-again": 10.0, "orjson": 2.0, "pickle": 1.0, "msgspec-json": 1.5, "protobuf": 6.0}


def encode_verdicts(facts: SerializerFacts) -> dict[tuple[str, str], str]:
    return {(v.contender, v.against): v.sentence for v in verdicts(facts, "user", "encode")}


def test_comparisons_are_the_aa_pair_and_three_groups(tmp_path: Path) -> None:
    """Schemaless serializers among themselves, those with a schema among themselves, then those with json."""
    listed = pairs(planted(tmp_path, BASE))
    assert ("A/A", "json-again", "json") in listed
    assert ("schemaless", "orjson", "json") in listed
    assert ("with a schema", "msgspec-json", "protobuf") in listed
    assert ("across", "msgspec-json", "json") in listed
    assert ("schemaless", "msgspec-json", "json") not in listed


def test_planted_difference_is_found_and_equal_times_are_the_same(tmp_path: Path) -> None:
    """Faster is better, slower is worse, json against itself is the same."""
    found = encode_verdicts(planted(tmp_path, BASE | {"slow": 20.0}))
    assert found["orjson", "json"] == "better"
    assert found["slow", "json"] == "worse"
    assert found["json-again", "json"] == "same"


def test_difference_within_the_noise_floor_is_no_verdict(tmp_path: Path) -> None:
    """If json differs from itself by a fifth, a tenth is no difference between serializers."""
    found = encode_verdicts(planted(tmp_path, BASE | {"json-again": 12.0, "close": 9.2}))
    assert found["close", "json"] in ("same", "cannot tell")


def test_json_that_differs_from_itself_causes_a_warning(tmp_path: Path) -> None:
    """The A/A pair is compared with 5 %: with its own noise floor it could never differ."""
    facts = planted(tmp_path, BASE | {"json-again": 12.0})
    assert encode_verdicts(facts)["json-again", "json"] == "worse"
    assert any("json against itself" in warning for warning in warnings(facts, [section(facts, "user", "a row")]))


def test_few_rounds_give_no_verdict(tmp_path: Path) -> None:
    """Below six rounds there is a range, no verdict, and a warning."""
    facts = planted(tmp_path, BASE, rounds=3)
    assert set(encode_verdicts(facts).values()) == {""}
    assert any("3 rounds" in warning for warning in warnings(facts, [section(facts, "user", "a row")]))


def test_times_are_cpu_times_of_the_thread(tmp_path: Path) -> None:
    """Time that other processes used of the core (elapsed time is nine times as long) is in no figure."""
    facts = planted(tmp_path, BASE)
    assert np.median(facts.us("user", "json", "encode")) == pytest.approx(10.0, rel=0.02)


SLOW = {name: 20 * us for name, us in BASE.items()}
"""The same serializers for a record that takes twenty times as long."""


def test_fastest_safe_serializer_is_used_where_it_saves_a_time_that_matters(tmp_path: Path) -> None:
    """Pickle is faster and never used. The price names the schema and the best serializer without one."""
    found = advise(planted(tmp_path, SLOW), "user")
    assert (found.use, found.worth) == ("msgspec-json", True)
    assert found.price.startswith("not human-readable, declared fields (without: orjson)")
    assert found.saved_us.value == pytest.approx(340, rel=0.05)
    assert found.saved_us.low < found.saved_us.value < found.saved_us.high
    assert (found.certainty, found.share) == ("high", 1.0)


def test_json_is_used_where_the_others_save_less_than_a_tenth_of_a_millisecond(tmp_path: Path) -> None:
    """The saving of the fastest one is printed, with its interval; json's price is none."""
    found = advise(planted(tmp_path, BASE), "user")
    assert (found.use, found.best, found.worth) == ("json", "msgspec-json", False)
    assert found.price == "none: the simplest"
    assert saving_text(found).startswith("17.0 µs (")


def test_ties_go_to_no_schema_then_fewer_bytes(tmp_path: Path) -> None:
    """If times do not decide, the schema does, and then the bytes."""
    us = SLOW | {"msgspec-json": 40.0, "small": 40.0}
    found = advise(planted(tmp_path, us, sizes={"small": 150}), "user")
    assert found.use == "small"
    assert found.certainty == "tied"


def test_times_that_scatter_give_an_unsure_answer(tmp_path: Path) -> None:
    """A saving near 0.1 ms is above it in some resamples and below it in others."""
    near = planted(tmp_path, {"json": 100.0, "json-again": 100.0, "orjson": 50.0}, noise=0.3)
    found = advise(near, "user")
    assert found.certainty == "low"
    assert found.share is not None
    assert found.share < 0.95


def answered(record: str, size: float, use: str) -> SerializerAdvice:
    saved = Estimate(value=200.0 if use != "json" else 5.0)
    return SerializerAdvice(
        record=record,
        bytes=size,
        use=use,
        best="fast",
        saved_us=saved,
        share_of_hit=0.1,
        price="",
        certainty="high",
        share=1.0,
    )


@pytest.mark.parametrize(
    ("uses", "text"),
    [
        ({200.0: "json", 14_000.0: "fast"}, "Keep JSON below 14 KB; use fast above."),
        ({200.0: "fast", 14_000.0: "fast"}, "Use fast."),
        ({200.0: "fast", 14_000.0: "json"}, "Keep JSON for small records; use fast for large ones."),
        ({200.0: "json"}, "Keep JSON: no serializer saves 0.1 ms per write and read."),
        ({}, "This run gives no answer."),
    ],
)
def test_headline_has_at_most_twelve_words(uses: dict[float, str], text: str) -> None:
    found = headline([answered(f"r{size:g}", size, use) for size, use in uses.items()])
    assert found == text
    assert len(found.split()) <= MOST_WORDS


def test_terminal_gets_at_most_25_lines_of_80_columns(tmp_path: Path) -> None:
    """With more kinds of record than fit, the report has the rest."""
    facts = planted(tmp_path, BASE)
    many = [answered(f"a-record-with-a-long-name-{i}", 1e4, "a-serializer-with-a-long-name") for i in range(40)]
    found = lines(Path("runs/x"), facts, many)
    assert len(found) <= 25
    assert max(map(len, found)) <= 80
    assert any("more kinds of record" in line for line in found)


def test_limits_count_what_each_serializer_keeps(tmp_path: Path) -> None:
    """Kept values, silent changes and hostile bytes, as planted."""
    rows = {row.contender.name: row for row in limits(planted(tmp_path, BASE))}
    assert (rows["json"].untyped, rows["json"].typed, rows["json"].silent) == ("0 of 1", "1 of 1", "1")
    assert rows["json"].changes == "1 of 1"
    assert (rows["pickle"].safety, rows["pickle"].unsafe) == ("runs code", True)
    assert (rows["json"].safety, rows["protobuf"].needs) == ("–", "a schema at both ends")


def test_page_has_every_part_and_needs_no_network(tmp_path: Path) -> None:
    """Answers, limits, matrices and warnings are in one file; a silent change is marked as text."""
    planted(tmp_path, BASE)
    page = render_serializers(tmp_path).read_text(encoding="utf-8")
    for part in ("fidelity", "changes", "safety", "compression", "size", "limits", "others", "method", "data", "user"):
        assert page.count(f'id="{part}"') == 1
    assert "changed silently" in page
    assert "pickle ran code" in page
    assert "<script" not in page
    assert "default-src 'none'" in page


def test_run_that_was_aborted_before_its_first_round_renders(tmp_path: Path) -> None:
    """Results without timing are shown; the times are missing, not wrong."""
    planted(tmp_path, BASE)
    for part in (tmp_path / "batches").iterdir():
        part.unlink()
    page = render_serializers(tmp_path).read_text(encoding="utf-8")
    assert "0 rounds" in page
    assert "changed silently" in page


def test_run_of_another_plan_is_rejected(tmp_path: Path) -> None:
    """The error names the plan of the folder and the expected plan."""
    planted(tmp_path, BASE)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"plan": "serializers"', '"plan": "quick"'))
    with pytest.raises(RunFolderError, match="quick"):
        render_serializers(tmp_path)


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([1, 2, 3], (100.0, math.inf)),
        ([-1, -1, -1], (math.inf, math.inf)),
        ([-1, 1, 1], (10**2.5, math.inf)),
        ([-1, 1, -1], (10**2.5, 10**3.5)),
        ([1, 1, -1], (100.0, 10**3.5)),
        ([-3, 1, 1], (10**2.75, math.inf)),
        ([math.nan, 1, 1], (math.nan, math.nan)),
    ],
)
def test_break_even_is_the_range_with_a_positive_gain(gains: list[float], expected: tuple[float, float]) -> None:
    """From the first zero to the next; infinity if there is none."""
    found = positive_between([100.0, 1000.0, 10_000.0], gains)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("us", "expected"),
    [([10, 100, 1000], 10_000.0), ([100, 10_000, 10_000], 10**2.5), ([1, 2, 3], math.inf), ([5000, 6000, 7000], 100.0)],
)
def test_size_at_which_a_call_takes_a_millisecond(us: list[float], expected: float) -> None:
    """Interpolated on logarithms; infinity if the largest size is faster."""
    assert size_at([100.0, 1000.0, 10_000.0], us, 1000.0) == pytest.approx(expected)
