"""What a run of plan `serializers` says: derived from its facts, rendered as a page of its own."""
