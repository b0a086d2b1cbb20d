"""Closed forms next to what was measured, and what they predict for other TTLs and rates."""
