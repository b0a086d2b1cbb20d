"""rate-limit-flood: many subjects within their limit, a few beyond it, and some that know where limiters are weak."""

from stampede.scenarios.rate_limiting.flood import CallerGroup, Flood
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="rate-limit-flood",
    kind="limiting",
    question="What does each limiter let through, and whom does it shut out?",
    application="a public interface with a quota per user or address, called by scripts as well as by people",
    expectation=(
        "in any one window the exact log admits at most the limit L, a fixed window up to 2 L across its edge, a token "
        "bucket and GCRA up to 2 L after a rest; who calls a little too often gets L a window from the exact log and "
        "next to nothing from a log that counts refused calls too, or from a bucket that forgets at each refusal what "
        "was earned since the last"
    ),
    flood=Flood(
        limit=8,
        window_s=0.4,
        caller_groups=(
            CallerGroup(profile="Poisson 0.5 ×", subjects=12),
            CallerGroup(profile="steady 0.9 ×", subjects=2),
            CallerGroup(profile="steady 1 ×", subjects=2),
            CallerGroup(profile="steady 1.1 ×", subjects=2),
            CallerGroup(profile="flood 10 ×", subjects=2),
            CallerGroup(profile="edge burst", subjects=2),
            CallerGroup(profile="idle, then 3 L", subjects=1),
            CallerGroup(profile="ties", subjects=1),
            CallerGroup(profile="drip", subjects=2),
            CallerGroup(profile="flood, then half", subjects=1),
            CallerGroup(profile="burst, then 1.1 ×", subjects=3),
            CallerGroup(profile="burst, then 1.5 ×", subjects=2),
        ),
    ),
    warm_up_s=0.0,
)
