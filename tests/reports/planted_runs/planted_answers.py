"""Planted answer rows, for tests of the page and the console. Nothing was measured."""

from stampede.reports.recommend.answer_row import AnswerRow, Effect, Price

READ_MOSTLY = AnswerRow(
    name="read-mostly",
    question="Read-mostly pages",
    section="read-mostly",
    scenario="read-mostly",
    use="cache-aside",
    pick="cache-aside",
    effect=Effect(
        text="84 % faster median read than without a cache (80 – 87), 89 % fewer queries (88 – 90)",
        against="no-cache",
        change=-0.84,
        low=-0.87,
        high=-0.80,
    ),
    prices=(
        Price(text="+0.4 ms per miss (0.3 – 0.5)", kind="measured"),
        Price(text="no significant extra write latency", kind="none"),
    ),
    mechanism="one more round trip on a miss",
    certainty="high",
    share=0.98,
    minimum=0.1,
    metric="read-p50",
)
FEWER_QUERIES = AnswerRow(
    name="fewer-queries",
    question="Cut database queries further",
    section="read-mostly",
    scenario="read-mostly",
    use="cache-aside",
    pick="cache-aside",
    effect=Effect(
        text="write-through saves 8 % of the queries (6 – 9): less than the 10 % that count",
        against="write-through",
        change=-0.08,
        low=-0.09,
        high=-0.06,
    ),
    prices=(Price(text="no significant extra cost", kind="none"),),
    certainty="tied",
    tied=("write-through", "coalescing"),
    share=0.97,
    alternative="write-through saves 33 queries per 1,000 reads (27 – 37); writes cost +0.1 ms",
    minimum=0.1,
    metric="loads-per-1000-reads",
)
HOT_KEY = AnswerRow(
    name="hot-key-may-wait",
    question="Hot key expires; readers may wait",
    section="stampede",
    scenario="stampede",
    use="coalescing",
    pick="coalescing",
    effect=Effect(
        text="90 % fewer queries per expiry than cache-aside (87 – 92)",
        against="cache-aside",
        change=-0.90,
        low=-0.92,
        high=-0.87,
    ),
    prices=(
        Price(text="waiting readers wait 103 ms instead of 45 ms (+55 to +61)", kind="measured"),
        Price(text="memory per record: not estimated", kind="not estimated"),
    ),
    mechanism="waiting readers poll every 100 ms; a shorter interval shortens the wait",
    certainty="high",
    share=1.0,
    minimum=0.1,
    metric="loads-per-expiry",
)
LIMIT = AnswerRow(
    name="strict-limit",
    question="Strict rate limit",
    section="rate-limit-flood",
    use="sliding-log",
    effect=Effect(text="no violation in 4,223 decisions", against="", change=float("nan"), low=0.0, high=0.0),
    prices=(Price(text="+0.07 ms per call (0.07 – 0.12), 240 bytes per key at limit 8", kind="measured"),),
    mechanism="one entry per admitted call",
    certainty="low",
    basis="3 rounds, 4,223 decisions",
)
MANY_KEYS = AnswerRow(
    name="many-keys",
    question="Many keys at once",
    section="experiment-pipelining",
    use="MGET from 2 keys",
    effect=Effect(
        text="74 times as fast at 100 keys (70 – 79)",
        against="one GET after the other",
        change=73.0,
        low=69.0,
        high=78.0,
        better="higher",
    ),
    prices=(Price(text="none: one command instead of many", kind="stated"),),
    certainty="high",
    share=0.99,
)
OUTAGE = AnswerRow(
    name="outage",
    question="Redis fails or hangs",
    why="not measured in this run",
    command="make bench PLAN=standard",
    minutes=28.0,
)
ROWS = (READ_MOSTLY, FEWER_QUERIES, HOT_KEY, LIMIT, MANY_KEYS, OUTAGE)
"""A table with every kind of row: high, tied and low, with and without a ratio, and one without an answer."""
