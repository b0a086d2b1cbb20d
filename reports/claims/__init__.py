"""Is the article right? One file a claim: its words, the rule by which a run's figures judge it, and the figures."""
