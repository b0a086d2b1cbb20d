"""Statistics over rounds. The round is the unit of evidence, because the requests of a cell are not independent.

Every interval has its exact level. Below MIN_ROUNDS there is a range of the observed values, and no verdict. Functions
that need quantiles of the t or normal distribution import scipy.special locally, because importing `scipy.stats` is
slow.
"""
