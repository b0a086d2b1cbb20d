"""Contenders with a known fault, for `stampede selftest`: cache-aside that is slower or loads more by a stated share.

The harness runs them like a user's files, and the self-test compares its verdicts with the known differences.
"""
