"""Token bucket: a bucket of B tokens that refills at L / W; a call takes one token, or is refused if there is none.

    hit     app ──EVALSHA──► Redis: TIME; tokens + elapsed × L / W, at most B; at least one whole token? take it

Cost in round trips: 1; O(1) memory: a hash of two numbers.
Bound: at most B + R·t in any time t, R = L / W: B at once, L per window in the long run, B + L in one window.
Good for: interfaces whose clients may call in bursts, if only the average must be limited.
Bad for: a guarantee of "no more than L in any W" with B = L: a full bucket and one window's refill are twice that.
Source: Turner, "New directions in communications (or which way to the information age?)", IEEE Communications 24(10),
1986; ITU-T I.371. Departures: tokens are counted in parts of 1 / W microseconds, so that a refill needs no fractions;
Redis' clock.
"""

from collections.abc import Callable

import redis

from stampede.patterns.rate_limiting.rate_limiter import Bucket, Contract, Decision, LimiterConfig, RateLimiter

SCRIPT = """
local limit, window, capacity = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) * tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'level', 'at')
local level = capacity
if state[1] then
    local elapsed = math.min(math.max(0, now - state[2]), math.ceil(capacity / limit))
    level = math.min(capacity, state[1] + elapsed * limit)
end
local allowed = level >= window
if allowed then level = level - window end
local full_us = math.ceil((capacity - level) / limit)
redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.ceil(full_us / 1000)))
if allowed then return {1, math.floor(level / window), 0, full_us} end
return {0, 0, math.ceil((window - level) / limit), full_us}
"""


class TokenBucket(RateLimiter):
    summary = "a bucket of tokens that refills steadily; a call takes one"
    moving_parts = ("a token count and its time",)
    mechanism = "up to twice the limit in one window (burst, then refill)"

    def __init__(self, redis: redis.Redis, config: LimiterConfig, now: Callable[[], float]) -> None:
        super().__init__(redis, config, now)
        self.decide = self.redis.register_script(SCRIPT)  # EVALSHA; SCRIPT LOAD if the server does not have it

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Bucket(capacity=config.capacity, refill_per_s=config.limit / config.window_s)

    def hit(self, subject: str) -> Decision:
        config = self.config
        arguments = [config.limit, config.window_us, config.capacity]
        allowed, remaining, retry_us, reset_us = self.decide([self.key(subject)], arguments)
        return Decision(
            allowed=allowed == 1,
            limit=config.limit,
            remaining=remaining,
            retry_after_s=retry_us / 1e6,
            reset_after_s=reset_us / 1e6,
        )
