"""A common limiter: INCR, and PEXPIRE after the first call, in two round trips and without a script."""

from stampede.patterns.rate_limiting.rate_limiter import Contract, Decision, LimiterConfig, RateLimiter, Strict


class IncrExpire(RateLimiter):
    summary = "INCR and, for the first call, PEXPIRE"

    @classmethod
    def contract_for(cls, config: LimiterConfig) -> Contract:
        return Strict(limit=2 * config.limit, window_s=config.window_s)

    def hit(self, subject: str) -> Decision:
        key, limit = self.key(subject), self.config.limit
        window_ms = max(1, round(self.config.window_s * 1000))
        count = self.redis.incr(key)
        if count == 1:
            self.redis.pexpire(key, window_ms)
        return Decision(
            allowed=count <= limit,
            limit=limit,
            remaining=max(0, limit - count),
            retry_after_s=0.0 if count <= limit else window_ms / 1000,
            reset_after_s=window_ms / 1000,
        )
