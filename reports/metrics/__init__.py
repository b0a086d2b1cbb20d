"""Metrics: pure functions of a cell. A new module with a list METRICS adds its metrics to the report."""
