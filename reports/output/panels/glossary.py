"""The glossary of the report page: the words that it explains. docs/glossary.md has the same texts and more words."""

import re

import markupsafe

GLOSSARY = {
    "A/A copy": (
        "A second copy of one contender under another name (suffix -again). Any difference between the two copies is "
        "noise; so is any smaller difference elsewhere."
    ),
    "acknowledged": "A write is acknowledged when the call returns to its caller.",
    "baseline": (
        "A reference row, not a contender: a bare Redis GET (the fastest possible hit), an empty script, or a no-op "
        "request (the harness's own cost)."
    ),
    "D": (
        "The deadline: how long a cell waits for answers after its last request was due. "
        '"> D" means: no answer by then; how much longer it would have taken is not known.'
    ),
    "due": ("The instant at which a request should begin, drawn before the run and independent of earlier answers."),
    "episode": (
        "Slow requests that overlap in time: one stall, however many requests wait in it. A percentile needs "
        "three of "
        "them."
    ),
    "fault model": (
        "What else may happen while a guarantee must hold: nothing, an entry or a lock expires or is evicted, a "
        "client "
        "crashes, or the cache refuses or hangs."
    ),
    "guarantee": (
        "What a contender claims to hold in every order of its steps, under a named fault model. If it breaks "
        "without "
        "being guaranteed, that is not a fault."
    ),
    "Holm": (
        "A correction for many comparisons. Comparing many pairs produces some differences by chance; the correction "
        "is stricter the more comparisons a table has."
    ),
    "load": "Ask the database for a record.",
    "minimum effect": (
        "The smallest change that is a reason for another contender: 10 %, or what the A/A copies may differ by, "
        "if that is more."
    ),
    "noise floor": ("The smallest difference that a run can distinguish from noise, estimated from the A/A copy."),
    "p99": ("The value that 99 % of the requests stay below: the tail of the response times."),
    "price": (
        "What the pick costs against the simplest contender of the row: latency of hits, misses and writes, "
        "waits, commands, memory, lost guarantees."
    ),
    "resample": (
        "The run's rounds drawn again with replacement, all contenders together, to see whether chance would "
        "change the pick."
    ),
    "response time": "End − due: what the user waits.",
    "service time": "End − start: what the pattern, Redis and the database took.",
    "simulated RTT": (
        "A delay that the harness adds to each round trip, half before and half after, in place of a network."
    ),
    "stale after acknowledgement": (
        "A read is stale after acknowledgement if it began after a newer write had been acknowledged and still "
        "returned the older value."
    ),
    "tied": (
        "Of contenders: not better than the pick by more than the minimum effect, and not worse by more. Of an "
        "answer: an interval leaves open that another contender is better by more than that; use the pick."
    ),
    "TTL": ("Time to live: how long an entry may stay in the cache."),
    "Δ": "The age of the oldest value that any read returned. In the theory section: how long a query takes.",
}
"""Word to definition, in alphabetical order."""


def explained(text: str) -> markupsafe.Markup:
    """A text in which the first place of each word of the glossary shows its definition on hover, focus or tap."""
    seen: set[str] = set()

    def marked(match: re.Match[str]) -> str:
        word = GLOSSARY_KEYS[match[1].lower()]
        if word in seen:
            return match[0]
        seen.add(word)
        tip = markupsafe.escape(GLOSSARY[word])
        return f'<span class="term" tabindex="0">{match[0]}<span class="tip" role="tooltip">{tip}</span></span>'

    return markupsafe.Markup(WORDS.sub(marked, str(markupsafe.escape(text))))


GLOSSARY_KEYS = {word.lower(): word for word in GLOSSARY if len(word) > 1}
WORDS = re.compile(
    rf"(?<![\w-])({'|'.join(sorted(map(re.escape, GLOSSARY_KEYS), key=len, reverse=True))})s?(?![\w-]| generator)",
    re.IGNORECASE,
)
"""Every word of the glossary that has more than one letter."""
