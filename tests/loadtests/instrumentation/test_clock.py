"""A wait ends at its instant or shortly after it, never before."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stampede.loadtests.instrumentation.clock import ThreadClock, machine_floor_ns, now_ns


@given(ahead_us=st.integers(-1000, 3000))
@settings(max_examples=30, deadline=None)
def test_a_thread_never_starts_before_its_instant(ahead_us: int) -> None:
    instant_ns = now_ns() + ahead_us * 1000
    ThreadClock().wait_until(instant_ns)
    assert now_ns() >= instant_ns


def test_the_machines_wake_ups_are_never_early_and_are_sorted() -> None:
    late_ns = machine_floor_ns(1000, waits=50)
    assert len(late_ns) == 50
    assert late_ns == sorted(late_ns)
    assert late_ns[0] >= 0


HUB = """
from gevent import monkey; monkey.patch_all()
import gevent, random
from stampede.loadtests.instrumentation.clock import hub_clock, now_ns
clock = hub_clock()
early = []
def wait(seed):
    rng = random.Random(seed)
    for _ in range(40):
        instant = now_ns() + rng.randrange(0, 3_000_000)
        clock.wait_until(instant)
        early.append(instant > now_ns())
killed = gevent.spawn(clock.wait_until, now_ns() + 600_000_000_000)
gevent.sleep(0)
killed.kill()
gevent.joinall([gevent.spawn(wait, seed) for seed in range(20)], raise_error=True)
print(len(early), sum(early))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="timerfd is Linux's; elsewhere gevent's own timer is used")
def test_greenlets_that_wait_together_never_start_before_their_instants_even_after_one_was_killed() -> None:
    done = subprocess.run([sys.executable, "-c", HUB], capture_output=True, text=True, timeout=180, check=True)
    assert done.stdout.split() == ["800", "0"]
