"""Rate limiters: who may call how often. One file a limiter."""
