"""read-heavy: what an ordinary day costs with each pattern."""

from scenarios.scenario import Scenario

SCENARIO = Scenario(
    name="read-heavy",
    question="What does an ordinary read-mostly day cost the users and the database?",
    application="profile pages, product pages: many records, a few of them popular, rarely written",
    expectation=(
        "a cache takes the popular records off the database: with a TTL of T and lambda reads a second, a record is "
        "loaded lambda/(1 + lambda T) times a second; what is cached answers in a round trip, what is not pays a load"
    ),
)
