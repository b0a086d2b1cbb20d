"""Which contender to use, by one rule: for each scenario (headline) and for each use case (advice cards).

The rule excludes contenders that are not eligible, selects the best by a metric, names those that this run cannot
distinguish from it, and breaks the tie by response times.
"""
