"""Recorded traffic: readers of trace files."""
