"""Caching patterns: how records live in Redis in front of PostgreSQL. One file a pattern."""
