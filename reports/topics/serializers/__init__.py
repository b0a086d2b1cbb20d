"""Report page of a run of plan `serializers`: facts, figures, charts, recommendations."""
