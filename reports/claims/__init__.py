"""Claims of the article, one file each: the statement, the rule that decides it, and the figures that the rule uses."""
