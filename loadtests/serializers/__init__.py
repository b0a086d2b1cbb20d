"""The serializer bench: fidelity, cost, size, the way through the cache. No Locust: one thread, timed calls."""
