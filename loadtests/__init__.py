"""Load generation and measurement of the contenders."""
