"""Sliding window: the article's log of calls in a sorted set; a call is refused if the log already holds the limit.

    hit     app ──MULTI: ZREMRANGEBYSCORE 0 … now − window, ZCARD, ZADD str(now) → now, EXPIRE──► Redis
             └─ ZCARD ≥ limit: refused, though it was added all the same

Cost in round trips: 1, of 6 commands (MULTI and EXEC with them); O(calls in the window) memory for each subject.
Bound: at most L in any W, as the article says (C7), as long as all clocks agree and no two calls share a tick.
Good for: reading: the shortest sliding window there is.
Bad for: whoever keeps knocking. Faults kept: refused calls are counted, so that a client a little above the limit is
shut out for good, and a flood fills the memory with refusals; two calls in one tick of the clock share a member of the
set and count as one; the clock is the app server's, so that servers whose clocks differ forget each other's calls.
Source: the article's P5, faults kept. Departures: PEXPIRE, since scenarios use windows below a second. The article
answers yes or no; `remaining` is what its own count leaves, and a refused caller is told to stay away for a whole
window, after which it is admitted for certain.
"""

from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict


class SlidingWindow(RateLimiter):
    summary = "the article's log of all calls, refused ones too, by the app server's clock"

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=config.limit, window_s=config.window_s)

    def hit(self, subject: str) -> Decision:
        key = self.key(subject)
        limit, window_s = self.config.limit, self.config.window_s
        now = self.now()
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.zremrangebyscore(key, 0, now - window_s)
            pipe.zcard(key)
            pipe.zadd(key, {str(now): now})
            pipe.pexpire(key, max(1, round(window_s * 1000)))
            count = pipe.execute()[1]
        allowed = count < limit
        return Decision(
            allowed=allowed,
            limit=limit,
            remaining=max(0, limit - count - 1),
            retry_after_s=0.0 if allowed else window_s,
            reset_after_s=window_s,
        )
