"""Experiments: questions that do not fit contender × scenario × round under open load. A file each."""
