"""Sliding log: the instants of the admitted calls in a sorted set; a call is admitted if the window has fewer than L.

    hit     app ──EVALSHA──► Redis: TIME; remove entries older than a window; fewer than limit left? add this call

Cost in round trips: 1; O(L) memory for each subject, O(log L) time plus the entries that it removes.
Bound: at most L in any W, exactly. No limiter that keeps this bound has ever admitted more calls by any instant.
Good for: limits that must be exact, if L is small: logins, payments, SMS.
Bad for: large limits: about 100 bytes a call, and a script that removes a million entries blocks all of Redis.
Source: textbook (the exact version of the article's P5). Departures: one script, so that no other call comes between
count and add; refused calls are not stored; members are unique even within one microsecond, because they contain the
count; the clock is Redis' own, one clock for all application servers.
"""

from collections.abc import Callable

import redis

from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict

SCRIPT = """
local limit, window = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - window))
local count = redis.call('ZCARD', KEYS[1])
if count >= limit then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    local newest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
    return {0, 0, oldest[2] + window - now, newest[2] + window - now}
end
local instant = string.format('%.0f', now)
redis.call('ZADD', KEYS[1], instant, instant .. ':' .. count)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(window / 1000)))
return {1, limit - count - 1, 0, window}
"""


class SlidingLog(RateLimiter):
    summary = "the exact log of admitted calls, by Redis' clock"
    moving_parts = ("a log of admitted calls",)
    mechanism = "memory grows with the limit: one entry per admitted call"

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        super().__init__(redis, config, now)
        self.decide = self.redis.register_script(SCRIPT)  # EVALSHA; SCRIPT LOAD if the server does not have it

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=config.limit, window_s=config.window_s)

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
