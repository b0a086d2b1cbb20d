"""Caching patterns: ways to cache records of PostgreSQL in Redis. One file per pattern."""
