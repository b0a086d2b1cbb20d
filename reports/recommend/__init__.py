"""The recommendation: which contender to use in each scenario (headline) and for each use case (advice cards).

The rule excludes contenders that are not eligible, selects the best by a metric, names those that this run cannot
One rule decides. It excludes contenders that are not eligible, selects the best by a metric, names those that this run
cannot distinguish from it, and breaks the tie by response times.
"""
