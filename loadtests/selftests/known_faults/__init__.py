"""Contenders with a known fault, for `stampede selfcheck`: cache-aside made slower, or made to load more, by a stated
share. The harness runs them as it runs a user's files, and its verdicts are held against what is known.
"""
