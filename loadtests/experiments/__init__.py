"""Experiments: measurements that do not fit contender × scenario × round under open load. One file each."""
