"""Sliding window: the article's log of calls in a sorted set; a call is refused if the log already contains L calls.

    hit     app ──MULTI: ZREMRANGEBYSCORE 0 … now − window, ZCARD, ZADD str(now) → now, EXPIRE──► Redis
             └─ ZCARD ≥ limit: refused, although it was added

Cost in round trips: 1, of 6 commands (including MULTI and EXEC); O(calls in the window) memory for each subject.
Bound: at most L in any W, as the article says (C7), if all clocks agree and no two calls share a tick of the clock.
Good for: explanations: the shortest implementation of a sliding window.
Bad for: clients that keep calling after a refusal. Faults kept: (1) Refused calls are counted, so a client slightly
above the limit stays locked out, and a flood fills the memory with refused calls. (2) Two calls in one tick of the
clock share a member of the set and count as one. (3) The clock is the application server's, so servers whose clocks
differ remove each other's calls.
Source: the article's P5, faults kept. Departures: PEXPIRE, because scenarios use windows below one second. The article
answers only yes or no. Here `remaining` follows from the article's own count, and a refused caller is asked to wait for
one whole window, after which it is certainly admitted.
"""

from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict


class SlidingWindow(RateLimiter):
    summary = "the article's log of all calls, including refused ones, by the application server's clock"
    moving_parts = ("a log of all calls",)
    mechanism = "a refused call also uses up quota; clocks of the application servers must agree"

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
