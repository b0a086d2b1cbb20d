"""rate-limit-flood: many subjects within their limit, a few above it, and some that exploit weaknesses of limiters."""

from stampede.scenarios.rate_limiting.flood import CallerGroup, Flood
from stampede.scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="rate-limit-flood",
    kind="limiting",
    question="Which calls does each limiter admit, and which callers does it lock out?",
    application="a public interface with a quota per user or address, called by scripts as well as by people",
    expectation=(
        "in any window, the exact log admits at most the limit L, a fixed window up to 2 L across its edge, a token "
        "bucket and GCRA up to 2 L after a pause. A caller slightly above the limit gets L calls per window from the "
        "exact log, and almost none from a log that also counts refused calls, or from a bucket that discards at each "
        "refusal the refill since the previous one"
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
