"""Recorded traffic in a bench: which part of a trace is played, and the entries from which a cell begins."""
