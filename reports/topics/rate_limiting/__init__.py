"""What is said about rate limiters: pure functions over the decisions that samples hold, and the page's section."""
