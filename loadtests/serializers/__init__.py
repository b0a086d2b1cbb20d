"""The serializer bench: fidelity, size and cost, also of reads and writes through Redis. One thread; no Locust."""
