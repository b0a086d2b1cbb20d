"""The guarantees and decisions of each rate limiter on a real Redis, and the faults of the article's limiter."""

import time

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stampede.core.errors import ConfigError
from stampede.core.models.greedy_log import greedy_log
from stampede.loadtests.appserver.redis_clients import metered_client
from stampede.loadtests.instrumentation.clock import ThreadClock
from stampede.loadtests.instrumentation.meters import Meter, RequestFacts, current_facts
from stampede.patterns.contender_registry import limiters
from stampede.patterns.rate_limiting.rate_limiter import Bucket, LimiterConfig, Strict
from stampede.reports.topics.rate_limiting.decision_counts.calls import calls
from stampede.reports.topics.rate_limiting.decision_counts.decisions import retry_outcomes, wrong
from stampede.reports.topics.rate_limiting.decision_counts.entitlement import share
from stampede.reports.topics.rate_limiting.decision_counts.rolling_windows import (
    most_beyond_refill,
    rolling_certain,
    rolling_possible,
)
from tests.contract.limiter_driver import SCRIPTED, SettableClock, at_once, build, paced, server_us, wait_until

NAMES = sorted(limiters())
ON_REDIS = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize=True,
)
DAY_S = 86400.0


@pytest.mark.parametrize(
    "wrong_config",
    [
        {"limit": 0},
        {"limit": -3},
        {"limit": 2.5},
        {"window_s": 0},
        {"window_s": -1},
        {"window_s": 0.00001},
        {"burst": 0},
        {"limit": 10**9, "window_s": 30 * DAY_S},
    ],
)
def test_impossible_config_is_refused(wrong_config: dict[str, float]) -> None:
    """A limit of 0, a window below 0, and products above the integers that Lua represents exactly."""
    with pytest.raises(ConfigError):
        LimiterConfig(**wrong_config)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_quota_is_admitted_at_once_and_no_more(name: str, redis_client: redis.Redis, key_prefix: str) -> None:
    """Of many calls at once, the first L are admitted with the remaining calls. The others get a time to wait."""
    config = LimiterConfig(limit=5, window_s=30 * DAY_S, key_prefix=key_prefix)
    decisions = at_once(build(name, redis_client, config), 8)
    assert [d.allowed for d in decisions] == [True] * 5 + [False] * 3
    assert [d.remaining for d in decisions] == [4, 3, 2, 1, 0, 0, 0, 0]
    assert all(d.limit == 5 for d in decisions)
    assert [d.retry_after_s == 0 for d in decisions] == [d.allowed for d in decisions]
    assert all(0 < d.reset_after_s <= 60 * DAY_S for d in decisions)


@pytest.mark.parametrize("name", ["gcra", "token-bucket"])
def test_bucket_admits_its_burst_at_once(name: str, redis_client: redis.Redis, key_prefix: str) -> None:
    """The burst is the capacity, whatever the limit is. The next call is admitted after T = W / L."""
    config = LimiterConfig(limit=100, window_s=100_000.0, burst=3, key_prefix=key_prefix)
    limiter = build(name, redis_client, config)
    decisions = at_once(limiter, 4)
    assert [d.allowed for d in decisions] == [True, True, True, False]
    assert 900 < decisions[-1].retry_after_s <= 1000
    assert limiter.contract == Bucket(capacity=3, refill_per_s=0.001)


@pytest.mark.parametrize("name", SCRIPTED)
def test_subjects_have_separate_quotas_and_keys_expire(name: str, redis_client: redis.Redis, key_prefix: str) -> None:
    """The calls of one subject do not use another's quota. Every key is `ratelimit:{subject}` and expires."""
    limiter = build(name, redis_client, LimiterConfig(limit=1, window_s=DAY_S, key_prefix=key_prefix))
    assert [d.allowed for d in at_once(limiter, 2, "a") + at_once(limiter, 2, "b")] == [True, False, True, False]
    keys = sorted(redis_client.scan_iter(match=f"{key_prefix}*"))
    assert keys == [f"{key_prefix}ratelimit:{subject}".encode() for subject in "ab"]
    assert all(0 < int(redis_client.pttl(key)) <= 2 * DAY_S * 1000 for key in keys)


@pytest.mark.parametrize("name", NAMES)
def test_decision_is_one_round_trip(name: str, redis_url: str, redis_client: redis.Redis, key_prefix: str) -> None:
    """One EVALSHA if the server has the script, else also a SCRIPT LOAD. The article's limiter sends a MULTI of six."""
    meter = Meter(ThreadClock())
    client = metered_client(redis_url, limiters()[name].limiter.client, meter, 2)
    limiter = build(name, client, LimiterConfig(limit=2, window_s=60.0, key_prefix=key_prefix))
    redis_client.script_flush()
    assert limiter.hit("s").allowed
    facts = RequestFacts()
    token = current_facts.set(facts)
    limiter.hit("s")
    current_facts.reset(token)
    client.close()
    assert facts.round_trips == 1
    assert facts.commands == (6 if name == "sliding-window" else 1)
    if name != "sliding-window":
        assert meter.counts["command.script load"] == 1
        assert meter.counts["command.evalsha"] == 3  # the unknown script, its repetition, and the second call


def test_fixed_window_admits_twice_its_limit_across_an_edge(redis_client: redis.Redis, key_prefix: str) -> None:
    """L just before an edge of the clock's windows and L just after it: 2.0 × L in one window, exactly its contract.

    The window is about 30 days long, so that one can end shortly after the start of the test.
    """
    limit = 10
    for attempt in range(8):  # if the machine stalls, the first calls may come after the edge
        now_us = server_us(redis_client)
        number = now_us // int(30 * DAY_S * 1e6)
        window_us = (now_us + (150_000 << attempt)) // number
        edge_us = number * window_us
        config = LimiterConfig(limit=limit, window_s=window_us / 1e6, key_prefix=f"{key_prefix}{attempt}:")
        limiter = build("fixed-window", redis_client, config)
        before, _ = paced(limiter, [0.0] * (limit + 3))
        if server_us(redis_client) < edge_us:
            break
    wait_until(time.monotonic() + (edge_us - server_us(redis_client)) / 1e6 + 0.002)
    after, _ = paced(limiter, [0.0] * (limit + 3))
    assert before.allowed.sum() == after.allowed.sum() == limit
    both = calls([*before.start_s, *after.start_s], [*before.end_s, *after.end_s], [*before.allowed, *after.allowed])
    assert rolling_certain(both.admitted, config.window_s).most == 2 * limit
    assert limiter.contract == Strict(limit=2 * limit, window_s=config.window_s)


def test_exact_log_and_gcra_under_a_flood(redis_client: redis.Redis, key_prefix: str) -> None:
    """In a flood of three windows, the exact log admits 1.0 × L in any window, and GCRA at most B + t / T, here 2 L."""
    config = LimiterConfig(limit=10, window_s=0.2, key_prefix=key_prefix)
    log, gcra = build("sliding-log", redis_client, config), build("gcra", redis_client, config)
    by_log, _ = paced(log, [0.002] * 300, "log")
    assert rolling_certain(by_log.admitted, 0.2).most <= 10 <= rolling_possible(by_log.admitted, 0.2).most
    assert wrong(by_log, 10, 0.2).admitted == wrong(by_log, 10, 0.2).refused == 0
    by_gcra, _ = paced(gcra, [0.002] * 300, "gcra")
    need, _ = most_beyond_refill(by_gcra.admitted, 10 / 0.2)
    assert need <= 10 + 1e-6
    assert rolling_certain(by_gcra.admitted, 0.2).most <= 20
    assert rolling_possible(by_gcra.admitted, 0.2).most > 10


def test_article_limiter_starves_callers_slightly_above_the_limit(redis_client: redis.Redis, key_prefix: str) -> None:
    """At an even 1.1 × the limit, the article's limiter keeps L per W but admits far fewer calls than the exact log."""
    clock, window_s, limit = SettableClock(), 3600.0, 20
    limiter = build(
        "sliding-window", redis_client, LimiterConfig(limit=limit, window_s=window_s, key_prefix=key_prefix), clock
    )
    instants, allowed = [], []
    for _ in range(int(10 * 1.1 * limit)):
        clock.at_s += window_s / (1.1 * limit)
        instants.append(clock.at_s)
        allowed.append(limiter.hit("s").allowed)
    seen = calls(instants, instants, allowed)
    assert rolling_certain(seen.admitted, window_s).most == limit
    got = share(seen, limit, window_s)
    assert got.at_end < 0.15
    assert got.lowest < 0.15
    assert greedy_log(seen.instant_s, limit, window_s).sum() >= 9 * limit


def test_article_limiter_counts_calls_on_one_tick_as_one(redis_client: redis.Redis, key_prefix: str) -> None:
    """Calls on one tick of the clock are one member of the set, so all of them are admitted."""
    config = LimiterConfig(limit=5, window_s=3600.0, key_prefix=key_prefix)
    limiter = build("sliding-window", redis_client, config, SettableClock())
    assert all(d.allowed for d in at_once(limiter, 15))
    assert redis_client.zcard(limiter.key("s")) == 1


def test_exact_log_counts_every_call(redis_client: redis.Redis, key_prefix: str) -> None:
    """However fast calls come, each admitted call is a separate member of the set."""
    limiter = build("sliding-log", redis_client, LimiterConfig(limit=200, window_s=3600.0, key_prefix=key_prefix))
    assert all(d.allowed for d in at_once(limiter, 200))
    assert redis_client.zcard(limiter.key("s")) == 200


def test_article_limiter_admits_too_much_if_clocks_differ(redis_client: redis.Redis, key_prefix: str) -> None:
    """A server whose clock is one window ahead removes the calls that others admitted, so 2 L are admitted at once."""
    config = LimiterConfig(limit=5, window_s=60.0, key_prefix=key_prefix)
    here = build("sliding-window", redis_client, config, SettableClock(1_000_000.0))
    ahead = build("sliding-window", redis_client, config, SettableClock(1_000_061.0))
    for i in range(5):
        here.now.at_s = 1_000_000.0 + i / 100  # type: ignore[attr-defined]
        assert here.hit("s").allowed
    assert ahead.hit("s").allowed


GAPS = st.lists(st.sampled_from([0.0, 0.0, 0.002, 0.007, 0.02]), min_size=4, max_size=14)


@pytest.mark.parametrize("name", SCRIPTED)
@given(limit=st.integers(1, 4), window_ms=st.sampled_from([20, 35]), gaps=GAPS)
@ON_REDIS
def test_each_limiter_keeps_its_contract_and_its_announcements(
    name: str, redis_client: redis.Redis, limit: int, window_ms: int, gaps: list[float]
) -> None:
    """For any arrivals, no limiter certainly exceeds its bound.

    A call after a decision with remaining calls is admitted. A call after the announced wait is admitted, and none
    before it. The exact log never decides wrongly.
    """
    window_s = window_ms / 1000
    config = LimiterConfig(limit=limit, window_s=window_s, key_prefix=f"test:{time.monotonic_ns()}:")
    limiter = build(name, redis_client, config)
    limiter.hit("warm-up")
    seen, decisions = paced(limiter, gaps)
    contract = limiter.contract
    if isinstance(contract, Strict):
        assert rolling_certain(seen.admitted, contract.window_s).most <= contract.limit
    else:
        need, _ = most_beyond_refill(seen.admitted, contract.refill_per_s)
        assert need <= contract.capacity + 1e-6
    words = retry_outcomes(seen)
    assert words.guaranteed_admitted == words.guaranteed
    assert words.waited_admitted == words.waited
    assert words.sooner_admitted == 0
    if name == "sliding-log":
        decided = wrong(seen, limit, window_s)
        assert (decided.admitted, decided.refused) == (0, 0)
    if not decisions[-1].allowed:
        wait_until(time.monotonic() + decisions[-1].retry_after_s)
        assert limiter.hit("s").allowed


@given(st.integers(1, 6), st.lists(st.integers(0, 400), min_size=1, max_size=25))
@ON_REDIS
def test_article_limiter_counts_as_the_model_does(redis_client: redis.Redis, limit: int, gaps: list[int]) -> None:
    """With a settable clock, a call is refused if and only if the window before it contains L or more distinct ticks.

    Refused calls count too. The window includes its end but not its beginning, as the article's ranges do.
    """
    clock, window_s = SettableClock(), 1000
    config = LimiterConfig(limit=limit, window_s=window_s, key_prefix=f"test:{time.monotonic_ns()}:")
    limiter = build("sliding-window", redis_client, config, clock)
    ticks: set[float] = set()
    for gap in gaps:
        clock.at_s += gap
        ticks = {tick for tick in ticks if tick > clock.at_s - window_s}
        assert limiter.hit("s").allowed == (len(ticks) < limit)
        ticks.add(clock.at_s)
