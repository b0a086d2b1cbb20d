"""The sentence and the verdicts about limiters, the short table and the plane, from planted calls."""

import itertools

import pytest

from stampede.reports.topics.rate_limiting.limiter_analysis import LimiterResult
from stampede.reports.topics.rate_limiting.limiter_answer import answer, verdict_of
from stampede.reports.topics.rate_limiting.limiter_plane import LABEL_GAP, label_heights, plane
from stampede.reports.topics.rate_limiting.limiter_section import explained, summary_of
from stampede.scenarios.rate_limiting.caller_profiles import CALLER_PROFILES
from tests.reports.planted_runs.planted_limiters import BUCKET, DOUBLE, STRICT, limiter
from tests.reports.recommend.test_limiter_rows import races

LOG = limiter("log", STRICT, key_bytes=(100.0, 310.0))
BUCKETS = limiter("bucket", BUCKET, admits=8)


def test_sentence_names_who_keeps_the_limit_first() -> None:
    """Then those whose contract allows more, then those that fail."""
    text = answer([limiter("starving", STRICT, steady_share=0.05), limiter("window", DOUBLE, admits=16), BUCKETS, LOG])
    assert text == (
        "log kept the limit in every window; window and bucket may admit up to 2 × L in a window; "
        "starving starves a steady caller."
    )


@pytest.mark.parametrize(
    ("planted", "word", "kind"),
    [
        (LOG, "keeps the limit", "strict"),
        (limiter("window", DOUBLE, admits=16), "up to 2 × L by contract", "looser"),
        (BUCKETS, "up to 2 × L by contract", "looser"),
        (limiter("leaky", STRICT, admits=9), "breaks its contract", "wrong"),
        (limiter("starving", STRICT, steady_share=0.05), "starves callers", "wrong"),
        (limiter("both", STRICT, admits=9, steady_share=0.05), "breaks its contract, starves callers", "wrong"),
    ],
    ids=lambda value: value.info.name if isinstance(value, LimiterResult) else None,
)
def test_verdict_is_a_few_words(planted: LimiterResult, word: str, kind: str) -> None:
    verdict = verdict_of(planted, None)
    assert (verdict.word, verdict.kind) == (word, kind)


def test_limiter_whose_bound_breaks_in_some_order_of_calls_fails() -> None:
    """Even if this run's calls kept the bound; the detail says how it broke."""
    verdict = verdict_of(LOG, races(log="5 calls admitted where 2 may be"))
    assert (verdict.kind, verdict.detail) == ("wrong", "5 calls admitted where 2 may be")
    assert verdict_of(LOG, races(log="")).kind == "strict"


def test_detail_of_starvation_has_the_counts() -> None:
    verdict = verdict_of(limiter("starving", STRICT, steady_share=0.05), None)
    assert "starves a steady caller at 1.1 × the limit: it admits" in verdict.detail


def test_caller_with_three_quarters_of_its_calls_is_not_starved() -> None:
    """At 1.1 times the limit, 0.7 of the calls are more than three quarters of the limit."""
    assert verdict_of(limiter("log", STRICT, steady_share=0.7), None).kind == "strict"


def test_row_of_the_table_has_figures_without_sentences() -> None:
    """Strictness, the worst-served caller, time with its interval, bytes at this limit and, extrapolated, at 100."""
    row = summary_of(LOG, None, [])
    assert row.strictness == "1.00"
    assert row.worst_caller.endswith(" %")
    assert row.added_time == "+0.0505 ms (0.0481 – 0.0527)"
    assert (row.bytes_here, row.bytes_usual) == ("310", "≈ 3,100")
    assert summary_of(BUCKETS, None, []).bytes_usual == "112"


def test_plane_has_a_row_for_each_limiter_and_needs_two() -> None:
    chart = plane([LOG, BUCKETS], [LOG.info, BUCKETS.info], None)
    assert chart is not None
    assert [row[:2] for row in chart.rows] == [["log", "1.00"], ["bucket", "1.00"]]
    assert plane([LOG], [LOG.info], None) is None


def test_labels_of_near_marks_do_not_overlap() -> None:
    """Marks at one place get labels above each other; distant marks keep their height."""
    heights = label_heights([(2.0, 0.8), (2.0, 0.8), (1.9, 0.82), (1.0, 0.8)])
    near = sorted(heights[:3])
    assert all(b - a >= LABEL_GAP - 1e-9 for a, b in itertools.pairwise(near))
    assert heights[3] == 0.8


@pytest.mark.parametrize("profile", CALLER_PROFILES)
def test_every_caller_profile_is_explained(profile: str) -> None:
    assert explained(profile)
