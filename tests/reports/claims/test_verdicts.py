"""The rule of every claim, applied to planted figures, gives each verdict that it can give."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stampede.reports.claims import c01_submillisecond as c01
from stampede.reports.claims import c02_atomic as c02
from stampede.reports.claims import c03_stampede as c03
from stampede.reports.claims import c04_fresh as c04
from stampede.reports.claims import c05_ahead as c05
from stampede.reports.claims import c06_one_fetch as c06
from stampede.reports.claims import c07_window as c07
from stampede.reports.claims import c08_serializers as c08
from stampede.reports.claims import c11_response as c11
from stampede.reports.claims import c12_pipelining as c12
from stampede.reports.claims import c13_warming as c13
from stampede.reports.claims.claim import Case, Word, below, counted_below, together
from stampede.reports.claims.claims_section import claims
from stampede.reports.metrics.key_misses import KeyMisses
from stampede.reports.statistics.comparison import compare
from stampede.reports.statistics.estimate import Estimate, median, missing
from stampede.reports.topics.experiments.pipelining_section import Batch
from stampede.run_folder.races_json import UNDISTURBED, RacesInfo, SituationInfo, VerdictInfo
from tests.reports.planted_runs.planted import contender, scenario

HOLDS, ONLY_IF, NOT, OPEN = "holds", "holds only if", "does not hold", "cannot tell"


def between(low: float, high: float, rounds: int = 10) -> Estimate:
    """A figure with that interval; below six rounds it is a range."""
    level = 0.95 if rounds >= 6 else None
    return Estimate(value=(low + high) / 2, low=low, high=high, level=level, rounds=rounds)


def word(cases: Sequence[Case]) -> Word:
    return together(cases, "make bench PLAN=standard").word


def expired(ttls: float, after_writes: int = 0) -> KeyMisses:
    return KeyMisses(reads=1000, after_writes=after_writes, after_expiry=1, expiries=1, ttls=ttls)


def timed(
    low: float, high: float, place: str = c01.ON_LOOPBACK, rounds: int = 10, counts: bool = True
) -> c01.TimedRequests:
    return c01.TimedRequests(what="a GET", place=place, took_ms=between(low, high, rounds), counts=counts)


def test_redis_under_a_millisecond() -> None:
    """C1: the interval decides, at each place; the verdict names the places, and p99 does not count."""
    assert word(c01.cases_of([timed(0.2, 0.3), timed(0.7, 0.9, "over 0.5 ms")])) == HOLDS
    assert word(c01.cases_of([timed(1.2, 1.3)])) == NOT
    assert word(c01.cases_of([timed(0.9, 1.1)])) == OPEN
    assert word(c01.cases_of([timed(0.2, 0.3, rounds=3)])) == OPEN
    assert word(c01.cases_of([timed(0.2, 0.3), timed(5, 9, counts=False)])) == HOLDS
    verdict = together(c01.cases_of([timed(0.01, 0.02, c01.AT_SERVER), timed(1.1, 1.2, "over 0.5 ms")]), "")
    assert (verdict.word, verdict.said) == (ONLY_IF, "a GET at the server; not if: a GET over 0.5 ms")


def test_atomic_operations() -> None:
    """C2: a kept window confirms it for one operation, stale reads refute it for several; none seen leaves it open."""
    kept, broken = (c02.of_window(c07.of_window("flood", most, most, 8, 900)) for most in (8, 9))
    stale, none = c02.of_stale("cache-aside", between(0.1, 0.3)), c02.of_stale("cache-aside", between(0, 0))
    assert word([kept]) == HOLDS
    assert word([kept, stale]) == ONLY_IF
    assert word([broken, stale]) == NOT
    assert word([kept, none]) == OPEN
    assert word([]) == OPEN


def explored(**verdicts: str) -> RacesInfo:
    """Races with one verdict per contender on one invariant, in a situation without a fault."""
    return RacesInfo(
        started_utc="",
        command="",
        bound=1,
        situations=[SituationInfo(name="at-once", said="", adversary=UNDISTURBED)],
        verdicts=[
            VerdictInfo(
                contender=name.replace("_", "-"),
                situation="at-once",
                invariant="eventually-fresh",
                verdict=verdict,
                guaranteed=True,
                schedules=4,
                complete=True,
            )
            for name, verdict in verdicts.items()
        ],
    )


def test_atomic_operations_in_every_order() -> None:
    """C2 with explored races: a script that keeps its bound confirms it, several operations that do not refute it."""
    scripts = ("gcra", "sliding-log")
    assert word(c02.of_races(explored(cache_aside="broken", gcra="kept"), scripts)) == ONLY_IF
    assert word(c02.of_races(explored(cache_aside="broken", gcra="broken"), scripts)) == NOT
    assert word(c02.of_races(explored(cache_aside="kept", gcra="kept"), scripts)) == HOLDS
    assert c02.of_races(explored(cache_aside="kept"), scripts) == []


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([between(6, 9)], HOLDS),
        ([between(1, 1.2)], NOT),
        ([between(1.5, 2.5)], OPEN),
        ([between(6, 9, rounds=2)], OPEN),
        ([between(6, 9, rounds=3)], HOLDS),
        ([between(6, 9), between(1, 1.2)], ONLY_IF),
        ([missing("no expiry")], OPEN),
    ],
)
def test_stampede(loads: list[Estimate], expected: str) -> None:
    """C3: the whole interval is above two queries per expiry; three rounds that agree are enough for a count."""
    assert word([c03.of_loads(f"place {i}", e) for i, e in enumerate(loads)]) == expected


def test_always_fresh_and_slower() -> None:
    """C4: one stale read refutes "always fresh", none leaves it open; slower writes are a paired ratio."""
    stale, none = c04.of_stale("s", between(0.1, 0.3)), c04.of_stale("s", between(0, 0))
    base = [2.0, 2.1, 2.2, 2.0, 2.1, 2.3]
    slower, faster, similar, few = (
        c04.of_writes("s", compare([x * f for x, f in zip(base, factors, strict=False)], base[: len(factors)]))
        for factors in ([1.5] * 6, [0.6] * 6, [0.9, 1.1, 1.0, 1.05, 0.95, 1.02], [1.5] * 3)
    )
    assert word([stale, slower]) == ONLY_IF
    assert word([stale, faster]) == NOT
    assert word([none, slower]) == OPEN
    assert word([stale, similar]) == OPEN
    assert word([stale, few]) == OPEN
    assert word([slower]) == HOLDS


@pytest.mark.parametrize(
    ("misses", "expected"),
    [
        ([between(0, 0.02)], HOLDS),
        ([between(0.5, 1)], NOT),
        ([between(0.05, 0.3)], OPEN),
        ([between(0, 0.02), between(2, 3)], ONLY_IF),
    ],
)
def test_ahead_of_the_expiry(misses: list[Estimate], expected: str) -> None:
    """C5: expiries of the most-read key with a miss, per TTL."""
    assert word([c05.of_misses(f"place {i}", e, expired(40)) for i, e in enumerate(misses)]) == expected


def test_ahead_of_the_expiry_where_writes_delete_or_the_scale_is_lost() -> None:
    """C5: deletes by writes are stated and do not count; an excluded scenario is shown, but gives no verdict."""
    case = c05.of_misses("a", between(0, 0.02), expired(40, after_writes=1234))
    assert case.answer == "yes"
    assert "1,234 misses after a delete by a write do not count" in case.figure
    excluded = c05.of_misses("b", between(2, 3), expired(40), "scale not preserved: …")
    assert word([case, excluded]) == HOLDS
    assert word([excluded]) == OPEN
    assert "does not count: scale not preserved" in excluded.figure
    short = c05.of_misses("c", between(0, 60), expired(0.1), "the windows are shorter than one TTL")
    assert short.figure.startswith("refresh-ahead: expiries with a miss per TTL not estimated (does not count: ")


def test_ahead_of_the_expiry_counts_scenarios_in_which_the_key_expires() -> None:
    """C5: short windows, separate scenarios and lost scales are excluded, each with its reason."""
    ahead = replace(contender("refresh-ahead"), config={"refresh_below_share": 300 / 3600})
    kept, absent = scenario("stampede", ttl_s=3.0), missing("did not run")
    assert c05.exclusion(kept, ahead, expired(16), between(0.8, 1)) == ""
    assert "seldom expires" in c05.exclusion(kept, ahead, expired(16), between(0.1, 0.3))
    assert "shorter than one TTL" in c05.exclusion(scenario("read-mostly", ttl_s=300.0), ahead, expired(0.1), absent)
    assert "separately" in c05.exclusion(replace(kept, report_separately=True), ahead, expired(16), absent)
    assert c05.exclusion(scenario("stampede"), ahead, expired(16), absent).startswith("scale not preserved")


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        ([between(1, 1.02)], HOLDS),
        ([between(1.3, 1.4)], NOT),
        ([between(1, 1.3)], OPEN),
        ([between(1, 1.02), between(1.3, 1.4)], ONLY_IF),
    ],
)
def test_one_fetch(loads: list[Estimate], expected: str) -> None:
    """C6: one load per expiry, with a second load in at most one expiry of four."""
    assert word([c06.of_loads(f"place {i}", e, 0, 40) for i, e in enumerate(loads)]) == expected


def test_no_observation_in_a_small_sample_excludes_little() -> None:
    """C5 and C6: nine expiries with one load each do not exclude a share of a third; thirty exclude a quarter."""
    once = between(1, 1, rounds=3)
    assert word([c06.of_loads("a", once, 0, 9)]) == OPEN
    assert word([c06.of_loads("a", once, 0, 30)]) == HOLDS
    assert word([c05.of_misses("a", between(0, 0, rounds=3), expired(12))]) == OPEN
    assert word([c05.of_misses("a", between(0, 0, rounds=3), expired(40))]) == HOLDS


@pytest.mark.parametrize(("verdict", "expected"), [("broken", ONLY_IF), ("kept", HOLDS)])
def test_order_of_two_readers_with_two_loads_refutes_one_fetch(verdict: str, expected: str) -> None:
    found = explored(coalescing=verdict)
    (seen,) = found.verdicts
    races = replace(found, verdicts=[replace(seen, invariant="one-load-per-miss")])
    assert word([c06.of_loads("a", between(1, 1.1), 0, 40), *c06.of_races(races)]) == expected


def test_sliding_window() -> None:
    """C7: certain admissions are compared with the limit in each scenario; starvation does not count."""
    kept, broken = c07.of_window("a", 8, 8, 8, 900), c07.of_window("b", 9, 10, 8, 900)
    information = Case(condition="", answer="informational", figure="starved")
    assert word([kept, information]) == HOLDS
    assert word([broken, information]) == NOT
    assert word([kept, broken]) == ONLY_IF
    assert word([c07.of_window("c", 0, 0, 8, 0)]) == OPEN
    assert word([c07.of_window("d", 8, 9, 8, 900)]) == OPEN
    assert word([information]) == OPEN


def codec(name: str, low: float, high: float, rounds: int = 10) -> c08.TimedSerializer:
    return c08.TimedSerializer(codec=name, size_bytes=170, took_ms=between(low, high, rounds))


def test_about_a_millisecond() -> None:
    """C8: within a factor of two of the claimed time, at each size."""
    assert word(c08.cases_of([codec("JSON", 0.9, 1.1), codec("MessagePack", 0.09, 0.11)])) == HOLDS
    assert word(c08.cases_of([codec("JSON", 0.001, 0.002), codec("MessagePack", 0.0001, 0.0002)])) == NOT
    assert word(c08.cases_of([codec("JSON", 0.9, 1.1), codec("MessagePack", 0.3, 0.4)])) == ONLY_IF
    assert word(c08.cases_of([codec("JSON", 0.4, 0.6)])) == OPEN
    assert word(c08.cases_of([codec("JSON", 0.9, 1.1, rounds=2)])) == OPEN


def test_neighbouring_sizes_of_equal_answer_are_merged() -> None:
    each = [
        c08.TimedSerializer(codec="JSON", size_bytes=b, took_ms=between(t, t))
        for b, t in ((200, 0.1), (2e3, 0.2), (9e4, 1))
    ]
    assert together(c08.cases_of(each), "").said == "JSON of 90 KB; not if: JSON of 200 bytes to 2 KB"


def test_encode_times_are_read_from_the_experiment() -> None:
    """C8: the median encode time over rounds, by serializer and size."""
    rows = [("JSON", 1, "", 4.0, "size", 680.0, "bytes")]
    rows += [("JSON", r, "encode", 4.0, "object", 0.9 + r / 100, "ms") for r in range(1, 8)]
    rows += [("JSON", r, "decode", 4.0, "object", 50.0, "ms") for r in range(1, 8)]
    facts = pd.DataFrame(rows, columns=["variant", "round", "parameter", "at", "name", "value", "unit"])
    (found,) = c08.timed(facts)
    assert (found.codec, found.size_bytes) == ("JSON", 680.0)
    assert found.took_ms.value == pytest.approx(0.94)


def pair(place: str, without: Estimate, hit: Estimate) -> c11.ResponsePair:
    return c11.ResponsePair(place=place, without_ms=without, hit_ms=hit)


def test_from_hundreds_to_single_digits() -> None:
    """C11: both parts are measured; if no read took hundreds of milliseconds, the run cannot tell."""
    slow, fast = (pair("slow", between(250, 260), between(0.8, 0.9)), pair("fast", between(6, 7), between(0.8, 0.9)))
    slow_hits = pair("slow hits", between(250, 260), between(30, 40))
    assert word(c11.cases_of([slow])) == HOLDS
    assert word(c11.cases_of([slow, fast])) == ONLY_IF
    assert word(c11.cases_of([slow_hits])) == NOT
    assert word(c11.cases_of([fast])) == OPEN
    assert word(c11.cases_of([pair("few", between(250, 260, rounds=2), between(0.8, 0.9, rounds=2))])) == OPEN


def read(rtt: str, reads: int, factor: float, rounds: int = 8) -> Batch:
    base = [1.0 + r / 50 for r in range(rounds)]
    times = [x * factor * (1 + (-1) ** r / 200) for r, x in enumerate(base)]
    return Batch(method="pipelined", rtt=rtt, reads=reads, time_ms=median(times), against_alone=compare(times, base))


def test_pipelining_is_faster() -> None:
    """C12: for each simulated RTT, from a number of reads on that the condition names."""
    near, far = [read("0 ms", 2, 0.8), read("0 ms", 50, 0.2)], [read("0.5 ms", 2, 0.8), read("0.5 ms", 50, 0.2)]
    worse = [read("0 ms", 2, 1.3), read("0 ms", 50, 1.2)]
    assert word(c12.cases_of(near + far)) == HOLDS
    assert word(c12.cases_of(worse)) == NOT
    assert word(c12.cases_of(worse + far)) == ONLY_IF
    assert word(c12.cases_of([read("0 ms", 50, 0.2, rounds=2)])) == OPEN
    assert c12.cases_of(near)[0].condition == "from 2 reads on at 0 ms"


def test_warming_avoids_the_cold_start() -> None:
    """C13: the share of the gap between the hit rates of the first second and later that is closed in every round."""
    cold, steady = {1: 0.4, 2: 0.5, 3: 0.45}, dict.fromkeys((1, 2, 3), 0.9)
    closed, kept, some = dict.fromkeys(cold, 0.91), dict.fromkeys(cold, 0.55), {1: 0.9, 2: 0.7, 3: 0.88}
    yes, no, unclear = (c13.of_hits(f"place {i}", cold, x, steady) for i, x in enumerate((closed, kept, some)))
    assert word([yes]) == HOLDS
    assert word([no]) == NOT
    assert word([yes, no]) == ONLY_IF
    assert word([unclear]) == OPEN
    assert word([c13.of_hits("once", {1: 0.4}, {1: 0.9}, {1: 0.9})]) == OPEN


def test_each_row_of_the_article_has_one_claim_with_a_rule_and_a_command() -> None:
    assert [claim.row for claim in claims()] == [f"C{n}" for n in range(1, 14)]
    assert all(claim.statement and claim.rule and "make " in claim.command for claim in claims())


ANSWERS = st.sampled_from(["yes", "no", "unclear", "informational"])


@given(st.lists(ANSWERS))
def test_verdict_follows_from_its_cases(answers: list[str]) -> None:
    """Only yes makes "holds", only no makes "does not hold", and both together make "holds only if"."""
    cases = [Case(condition=f"c{i}", answer=s, figure="") for i, s in enumerate(answers)]  # type: ignore[arg-type]
    decided = set(answers) - {"informational"}
    found = together(cases, "make bench").word
    assert (found == HOLDS) == (decided == {"yes"})
    assert (found == NOT) == (decided == {"no"})
    assert (found == ONLY_IF) == ({"yes", "no"} <= decided)


@given(st.lists(ANSWERS, min_size=1))
def test_verdict_does_not_depend_on_the_order_of_its_cases(answers: list[str]) -> None:
    cases = [Case(condition=f"c{i}", answer=s, figure="") for i, s in enumerate(answers)]  # type: ignore[arg-type]
    assert word(cases) == word(cases[::-1])


def test_missing_figure_decides_nothing() -> None:
    assert math.isnan(missing("none").value)
    assert word([c03.of_loads("a", missing("no expiry"))]) == OPEN


def test_verdict_names_what_is_open_after_what_was_found() -> None:
    """If no case confirms a claim and one refutes it, the verdict begins with that case, and gives the reason for the
    open cases once."""
    cases = [
        Case(condition="at 0.5 ms", answer="no", figure=""),
        Case(condition="at 0 ms", answer="unclear", figure="", why="1 lies within the interval"),
        Case(condition="at 0.1 ms", answer="unclear", figure="", why="1 lies within the interval"),
    ]
    verdict = together(cases, "")
    assert verdict.word == "cannot tell"
    assert verdict.said == "not if: at 0.5 ms; open: at 0 ms, at 0.1 ms (1 lies within the interval)"


def test_incomplete_figure_decides_no_claim() -> None:
    """If expiries were left out, or a percentile was seen but not estimated, the claim is open, with the reason,
    however clear the interval looks."""
    part = replace(between(8, 12), why="2 expiries had no end")
    assert below(part, 100) == ("unclear", "2 expiries had no end")
    assert counted_below(part, 100) == ("unclear", "2 expiries had no end")


@pytest.mark.parametrize(("low", "high"), [(0.83, 0.85), (0.95, 1.05), (1.1, 1.15)])
def test_submillisecond_over_a_round_trip_is_open_near_the_limit(low: float, high: float) -> None:
    """Within 20 % of a millisecond the harness's own time decides, so the case is unclear; loopback has no margin."""
    (over,) = c01.cases_of([timed(low, high, f"{c01.OVER}0.5 ms")])
    assert over.answer == "unclear"
    (loopback,) = c01.cases_of([timed(0.83, 0.85)])
    assert loopback.answer == "yes"
    assert c01.cases_of([timed(1.3, 1.4, f"{c01.OVER}0.5 ms")])[0].answer == "no"
