"""What rounds can carry. The unit of evidence is the round: requests in a cell share its luck.

Every interval says its exact level. Below MIN_ROUNDS there is a range of what was seen, and no verdict. Functions that
need quantiles of the t or normal distribution import scipy.special themselves: importing `scipy.stats` is slow.
"""
