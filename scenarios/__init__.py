"""Scenarios: the situations in which contenders are compared, as frozen data. One file per scenario."""
