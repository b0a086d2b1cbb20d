"""Rate limiters: how often a subject may call. One file per limiter."""
