"""What a trace is like: rate, mix, skew, working set, sizes, lifetimes, bursts, hit rates."""
