"""Which contender for which situation, by stated rules."""
