"""Counts over the decisions of a rate limiter: windows, entitlement, wrong decisions, starvation."""
