"""cache-aside, every read 20 % slower."""

from loadtests.planted.faults import Slower


class SlowerByAFifth(Slower):
    summary = "planted: cache-aside, every read 20 % slower"
    share = 0.2
