"""The recommendation: one row for each question of an engineer, and the headline made of the rows.

One rule decides. It excludes contenders that are not eligible, compares the others by the question's metric, paired by
round, and takes the simplest one that no other beats by more than the minimum effect.
"""
