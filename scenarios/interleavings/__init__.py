"""Situations: a few clients at once, and what else may happen to them. Plain data; one module a theme."""
