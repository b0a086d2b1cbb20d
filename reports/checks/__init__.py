"""Checks: what a run must warn about, each with the recorded facts that it reads."""
