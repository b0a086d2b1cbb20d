"""Fixed window: one counter per subject, which restarts at every multiple of the window's length.

    hit     app ──EVALSHA──► Redis: TIME; another window than the counter's? count = 0; count < limit? count + 1

Cost in round trips: 1; O(1) memory: a hash of two small numbers.
Bound: at most L in each window of the clock, hence at most 2 L in a window that contains an edge: L just before the
edge and L just after it. The contract is 2 L.
Good for: quotas per day or per month, if twice the quota around midnight does no harm; cheap and easy to explain.
Bad for: protection against bursts: the counters of all subjects restart at the same instant, and clients learn when.
Source: textbook. Cloudflare's "How we built rate limiting capable of scaling to millions of domains" (2017) names it as
the version to improve. Departures: the usual INCR and EXPIRE are two steps, and a client that crashes between them
leaves a counter that never expires. Here one script does both, does not count refused calls and uses Redis' clock.
"""

from collections.abc import Callable

import redis

from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict

SCRIPT = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local number = math.floor(now / window)
local left_us = (number + 1) * window - now
local state = redis.call('HMGET', KEYS[1], 'window', 'count')
local count = 0
if tonumber(state[1]) == number then count = tonumber(state[2]) end
if count >= limit then return {0, 0, left_us, left_us} end
redis.call('HSET', KEYS[1], 'window', string.format('%.0f', number), 'count', count + 1)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(left_us / 1000)))
return {1, limit - count - 1, 0, left_us}
"""


class FixedWindow(RateLimiter):
    summary = "a counter that restarts at every multiple of the window"
    moving_parts = ("a counter per window",)
    mechanism = "up to twice the limit in one window"

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        super().__init__(redis, config, now)
        self.decide = self.redis.register_script(SCRIPT)  # EVALSHA; SCRIPT LOAD if the server does not have it

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=2 * config.limit, window_s=config.window_s)

    def hit(self, subject: str) -> Decision:
        config = self.config
        allowed, remaining, retry_us, reset_us = self.decide([self.key(subject)], [config.limit, config.window_us])
        return Decision(
            allowed=allowed == 1,
            limit=config.limit,
            remaining=remaining,
            retry_after_s=retry_us / 1e6,
            reset_after_s=reset_us / 1e6,
        )
