"""Races page: the guarantees that each contender keeps, and the shortest schedule that breaks one."""
