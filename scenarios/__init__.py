"""What happens to the contenders, as frozen data: one file a scenario."""
