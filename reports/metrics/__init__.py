"""Every figure of the report: a metric is a pure function of a cell. One file adds one kind, and is found."""
