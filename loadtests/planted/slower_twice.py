"""cache-aside, every read twice as slow."""

from loadtests.planted.faults import Slower


class SlowerTwice(Slower):
    summary = "planted: cache-aside, every read twice as slow"
    share = 1.0
