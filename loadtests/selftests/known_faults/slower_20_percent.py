"""cache-aside, every read 20 % slower."""

from stampede.loadtests.selftests.known_faults.faults import Slower


class SlowerByAFifth(Slower):
    summary = "known fault: cache-aside, every read 20 % slower"
    share = 0.2
