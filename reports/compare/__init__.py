"""Comparison of two runs: whether they are comparable, what differs, and whether the second one passes the gate."""
