"""Reads a user's servers, within stated bounds, and proposes the workload that stands for them."""
