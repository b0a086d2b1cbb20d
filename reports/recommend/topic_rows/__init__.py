"""Rows of the answer about rate limiters, serializers, many keys and eviction. Each is a pure function of results."""
