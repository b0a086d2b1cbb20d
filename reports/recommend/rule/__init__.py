"""The rule that answers a question: candidates in the order of simplicity, the pick, its price, and how sure it is."""
