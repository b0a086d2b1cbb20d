"""Analysis of rate limiters: pure functions over the decisions in the samples, and the report section."""
