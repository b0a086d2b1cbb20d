"""cache-aside, every read twice as slow."""

from stampede.loadtests.selftests.known_faults.faults import Slower


class SlowerTwice(Slower):
    summary = "known fault: cache-aside, every read twice as slow"
    share = 1.0
