"""Checks: functions that compute the warnings of a run from its results."""
