"""Limiters that starve a steady caller slightly above the limit are found; limiters that do not are not."""

from collections.abc import Callable

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from stampede.patterns.rate_limiting.rate_limiter import (
    Bucket,
    Contract,
    Decision,
    LimiterConfig,
    RateLimiter,
    Strict,
)
from stampede.reports.topics.rate_limiting.decision_counts.calls import Calls, calls
from stampede.reports.topics.rate_limiting.decision_counts.entitlement import greedy_bucket
from stampede.reports.topics.rate_limiting.decision_counts.rolling_windows import most_beyond_refill, rolling_certain
from stampede.reports.topics.rate_limiting.decision_counts.starvation import ABOVE, Starvation, starvation, steady
from stampede.scenarios.plans import PLANS
from stampede.scenarios.rate_limiting.caller_profiles import CALLER_PROFILES
from stampede.scenarios.scenario import find_scenario
from tests.contract.limiter_driver import SettableClock

LIMIT, WINDOW_S = 8, 0.4
T_S = WINDOW_S / LIMIT


def bucket(decide: Callable[[float, float], tuple[bool, float, bool]]) -> type[RateLimiter]:
    """A token bucket with its state in Redis. `decide`: (tokens, earned) → (admitted, tokens, update the time)."""

    class Planted(RateLimiter):
        summary = "planted"

        @classmethod
        def contract_for(cls, config: LimiterConfig) -> Contract:
            return Bucket(capacity=config.capacity, refill_per_s=config.limit / config.window_s)

        def hit(self, subject: str) -> Decision:
            key, now, config = self.key(subject), self.now(), self.config
            kept = self.redis.hmget(key, "tokens", "at")
            tokens = config.capacity if kept[0] is None else float(kept[0])
            at = now if kept[1] is None else float(kept[1])
            allowed, tokens, moves = decide(tokens, (now - at) * config.limit / config.window_s)
            self.redis.hset(key, mapping={"tokens": min(config.capacity, tokens), "at": now if moves else at})
            return decision(allowed, config)

    return Planted


def decision(allowed: bool, config: LimiterConfig) -> Decision:
    return Decision(allowed=allowed, limit=config.limit, remaining=0, retry_after_s=0.0, reset_after_s=config.window_s)


def exact(tokens: float, earned: float) -> tuple[bool, float, bool]:
    have = min(LIMIT, tokens + earned)
    return (True, have - 1, True) if have >= 1 - 1e-9 else (False, have, True)


def rounds_down(tokens: float, earned: float) -> tuple[bool, float, bool]:
    """Whole tokens only: at every call the earned fraction is lost."""
    have = min(LIMIT, tokens + int(earned + 1e-9))
    return (True, have - 1, True) if have >= 1 else (False, have, True)


def rounds_down_when_it_admits(tokens: float, earned: float) -> tuple[bool, float, bool]:
    """A refusal leaves the state unchanged; an admission loses the earned fraction."""
    have = min(LIMIT, tokens + int(earned + 1e-9))
    return (True, have - 1, True) if have >= 1 else (False, tokens, False)


def loses_data(tokens: float, earned: float) -> tuple[bool, float, bool]:
    """A refusal loses all tokens."""
    have = min(LIMIT, tokens + earned)
    return (True, have - 1, True) if have >= 1 - 1e-9 else (False, 0.0, True)


class ChargesRefusals(RateLimiter):
    """GCRA that advances its instant at refusals, too."""

    summary = "planted"

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Bucket(capacity=config.capacity, refill_per_s=config.limit / config.window_s)

    def hit(self, subject: str) -> Decision:
        key, now, gap_s = self.key(subject), self.now(), self.config.window_s / self.config.limit
        paid = max(now, float(self.redis.get(key) or now))
        self.redis.set(key, paid + gap_s)
        return decision(paid - now <= (self.config.capacity - 1) * gap_s + 1e-9, self.config)


class LogsRefusals(RateLimiter):
    """A log that counts refused calls."""

    summary = "planted"

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject: str) -> Decision:
        key, now = self.key(subject), self.now()
        self.redis.zremrangebyscore(key, 0, now - self.config.window_s)
        count = self.redis.zcard(key)
        self.redis.zadd(key, {f"{now!r} {count}": now})
        return decision(count < self.config.limit, self.config)


class ExactLog(LogsRefusals):
    """The exact log."""

    def hit(self, subject: str) -> Decision:
        key, now = self.key(subject), self.now()
        self.redis.zremrangebyscore(key, 0, now - self.config.window_s)
        count = self.redis.zcard(key)
        if count < self.config.limit:
            self.redis.zadd(key, {f"{now!r} {count}": now})
        return decision(count < self.config.limit, self.config)


STARVES: dict[str, type[RateLimiter]] = {
    "rounds down": bucket(rounds_down),
    "rounds down when it admits": bucket(rounds_down_when_it_admits),
    "loses_data": bucket(loses_data),
    "charges refusals": ChargesRefusals,
    "logs refusals": LogsRefusals,
}
FAIR: dict[str, type[RateLimiter]] = {"exact": bucket(exact), "log": ExactLog}


def driven(
    limiter: type[RateLimiter], client: redis.Redis, prefix: str, windows: int, late_s: float = 0.0
) -> tuple[Starvation | None, dict[str, Calls], Contract]:
    """Results of the callers above the limit, with a settable clock. `late_s`: largest delay of a call."""
    clock, found, seen = SettableClock(), [], {}
    built = limiter(client, LimiterConfig(limit=LIMIT, window_s=WINDOW_S, key_prefix=prefix), clock)
    flood = find_scenario("rate-limit-flood").flood
    assert flood is not None
    for number, name in enumerate(flood.caller_profiles()):
        if name not in ABOVE:
            continue
        rng = np.random.default_rng(number)
        due = CALLER_PROFILES[name](LIMIT, WINDOW_S, windows * WINDOW_S, rng)
        instants = np.sort(due + late_s * rng.random(len(due)))
        allowed = []
        for instant in instants:
            clock.at_s = 1000.0 + float(instant)
            allowed.append(built.hit(str(number)).allowed)
        seen[f"{name} {number}"] = calls(instants, instants, allowed)
        flood_settings = {"limit": LIMIT, "window_s": WINDOW_S}
        found.append(steady(name, 1, seen[f"{name} {number}"], flood_settings, built.contract.as_dict()))
    return starvation(found), seen, built.contract


@pytest.mark.parametrize("windows", sorted({plan.flood_windows for plan in PLANS.values()} - {20}))
@pytest.mark.parametrize("name", STARVES)
def test_limiter_that_charges_refusals_starves_a_steady_caller(
    name: str, windows: int, redis_client: redis.Redis, key_prefix: str
) -> None:
    """A caller at 1.1 times the limit shows it even in the few windows of a smoke run, although the bound is kept."""
    found, seen, contract = driven(STARVES[name], redis_client, key_prefix, windows)
    assert found is not None
    assert found.starves
    assert found.multiple == 1.1
    assert found.entitled >= 2 * LIMIT
    for caller in seen.values():
        if isinstance(contract, Bucket):
            assert most_beyond_refill(caller.admitted, contract.refill_per_s)[0] <= contract.capacity + 1e-6
        else:
            assert rolling_certain(caller.admitted, WINDOW_S).most <= LIMIT


@pytest.mark.parametrize("name", ["rounds down", "loses_data", "charges refusals", "logs refusals"])
def test_starvation_is_found_if_calls_are_late(name: str, redis_client: redis.Redis, key_prefix: str) -> None:
    """With delays of up to a quarter of W / L a caller at 1.1 times the limit is sometimes admitted: 1.5 shows it."""
    found, _, _ = driven(STARVES[name], redis_client, key_prefix, 4, late_s=T_S / 4)
    assert found is not None
    assert found.starves


@pytest.mark.parametrize("late_s", [0.0, T_S / 4, 2 * T_S])
@pytest.mark.parametrize("windows", [2, 4])
@pytest.mark.parametrize("name", FAIR)
def test_exact_limiter_starves_no_steady_caller(
    name: str, windows: int, late_s: float, redis_client: redis.Redis, key_prefix: str
) -> None:
    """For any delay: entitlement is computed from the instants at which the calls were made."""
    found, _, _ = driven(FAIR[name], redis_client, key_prefix, windows, late_s)
    assert found is not None
    assert not found.starves
    assert found.admitted == found.entitled


@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 4), st.sampled_from([0.05, 0.3, 1.0]))
def test_greedy_bucket_keeps_its_contract_and_refuses_only_calls_that_would_break_it(
    times: list[int], capacity: int, refill: float
) -> None:
    """It never exceeds B + R·t; one more admission at any refusal would."""
    instants = np.sort(np.array(times, dtype=np.float64))
    admitted = greedy_bucket(instants, capacity, refill)
    seen = calls(instants, instants, admitted)
    assert most_beyond_refill(seen.admitted, refill)[0] <= capacity + 1e-6
    for i in np.flatnonzero(~admitted):
        more = admitted.copy()
        more[i], more[i + 1 :] = True, False
        assert most_beyond_refill(calls(instants, instants, more).admitted, refill)[0] > capacity


def test_entitlement_is_the_smaller_of_contract_and_requested_limit() -> None:
    """A looser contract entitles callers to the requested limit only; a tighter one to its own bound."""
    at = np.arange(0.0, 4 * WINDOW_S, T_S / 1.1)
    seen = calls(at, at, np.ones(len(at)))
    flood = {"limit": LIMIT, "window_s": WINDOW_S}
    strict = {"kind": "strict", "window_s": WINDOW_S}
    entitled = {
        limit: steady("steady 1.1 ×", 1, seen, flood, strict | {"limit": limit}).entitled for limit in (4, 8, 16)
    }
    assert entitled[16] == entitled[8] == 2 * entitled[4]
    loose = {"kind": "bucket", "capacity": 1000, "refill_per_s": 1000.0}
    requested = {"kind": "bucket", "capacity": LIMIT, "refill_per_s": 1 / T_S}
    assert steady("steady 1.1 ×", 1, seen, flood, loose) == steady("steady 1.1 ×", 1, seen, flood, requested)


def test_flood_scenario_has_callers_that_reveal_starvation() -> None:
    flood = find_scenario("rate-limit-flood").flood
    assert flood is not None
    assert set(ABOVE) <= set(flood.caller_profiles())
    assert set(ABOVE) <= set(CALLER_PROFILES)
