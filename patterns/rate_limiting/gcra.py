"""GCRA: one instant per subject, at which all calls so far would be used up at an even rate; it may be B calls ahead.

    hit     app ──EVALSHA──► Redis: TIME; max(instant, now) + T; not more than B × T ahead of now? store it

Cost in round trips: 1; O(1) memory: one number.
Bound: at most B + t / T in any time t, T = W / L: a bucket of capacity B that gains one call every T.
Good for: the same uses as a token bucket, with half the state; with B = 1 it spaces calls evenly.
Bad for: a guarantee of "no more than L in any W" with B = L: it admits up to twice that. Its state is hard to read for
a person.
Source: the generic cell rate algorithm, ITU-T I.371 and ATM Forum TM 4.0; the rule is that of redis-cell, whose
max_burst is B − 1. Departures: T is rounded up to whole microseconds, so that the limiter never admits more than its
bound (redis-cell counts nanoseconds); a Lua script (redis-cell is a module); Redis' clock.
"""

from collections.abc import Callable

import redis

from stampede.patterns.rate_limiting.rate_limiter import Bucket, Contract, Decision, LimiterConfig, RateLimiter

SCRIPT = """
local spacing, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local used_until = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
local next_until = used_until + spacing
local retry_us = next_until - burst * spacing - now
if retry_us > 0 then return {0, 0, retry_us, used_until - now} end
redis.call('SET', KEYS[1], string.format('%.0f', next_until), 'PX',
    string.format('%.0f', math.ceil((next_until - now) / 1000)))
return {1, math.floor(-retry_us / spacing), 0, next_until - now}
"""


class Gcra(RateLimiter):
    summary = "one timestamp per caller: calls are spaced evenly, and a burst may run ahead of it"
    moving_parts = ("one timestamp",)
    mechanism = "up to twice the limit in one window (burst, then refill)"

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        super().__init__(redis, config, now)
        self.spacing_us = -(-config.window_us // config.limit)
        self.decide = self.redis.register_script(SCRIPT)  # EVALSHA; SCRIPT LOAD if the server does not have it

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Bucket(capacity=config.capacity, refill_per_s=config.limit / config.window_s)

    def hit(self, subject: str) -> Decision:
        arguments = [self.spacing_us, self.config.capacity]
        allowed, remaining, retry_us, reset_us = self.decide([self.key(subject)], arguments)
        return Decision(
            allowed=allowed == 1,
            limit=self.config.limit,
            remaining=remaining,
            retry_after_s=retry_us / 1e6,
            reset_after_s=reset_us / 1e6,
        )
