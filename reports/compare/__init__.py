"""Two runs held against each other: whether they are alike, what differs, and whether a gate lets the second pass."""
