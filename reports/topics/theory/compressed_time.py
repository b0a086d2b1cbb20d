"""Which scenarios compress time, and what the page says about it. Pure functions.

A scenario with a short TTL replaces the minutes of a real service by seconds, so that entries expire during a cell.
Some figures carry over to a long TTL, others do not.
"""

from stampede.reports.analysis.time_scale import COMPRESSED_BELOW_S
from stampede.reports.output.charts.ttl_sweep_chart import SWEEP
from stampede.reports.topics.theory.transfer_points import BASE
from stampede.run_folder.schema import ScenarioInfo


def is_compressed(scenario: ScenarioInfo) -> bool:
    """Whether the scenario's TTL is shorter than that of a real service.

    Not compressed are rate limiters, which have no entries, and read-mostly in all its forms: it runs with the TTL of
    the user's workload, and its transfer points with the TTL that they report on.
    """
    if scenario.kind != "caching" or scenario.name.startswith(BASE):
        return False
    return float(scenario.workload["ttl_s"]) < COMPRESSED_BELOW_S


def compressed_time_text(scenario: ScenarioInfo) -> str:
    """What carries over from a scenario with compressed time, in one line; empty for all other scenarios."""
    if not is_compressed(scenario):
        return ""
    ttl = f"a TTL of {float(scenario.workload['ttl_s']):g} s stands for one of minutes or hours"
    return f"Time is compressed: {ttl}. {what_carries_over(scenario)}"


def what_carries_over(scenario: ScenarioInfo) -> str:
    """Which figures of a scenario with compressed time hold under a long TTL too, and which do not."""
    workload = scenario.workload
    if workload.get("active_records") == 1 and workload["read_share"] == 1:
        return "What carries over is queries per expiry, not hit rate."
    if scenario.cold or scenario.fault:
        return "What carries over is how long users notice the event, not hit rate."
    if scenario.name.startswith(SWEEP):
        return "What carries over is the shape of the curve, not hit rate."
    if workload["read_share"] < 1 and scenario.check_after_drain:
        return (
            "What carries over is which contenders return old values after an acknowledged write, not hit rate and "
            "not the share of stale reads."
        )
    return "What carries over is hit latency and miss latency, not hit rate."
