"""Report sections of the experiments: one module per experiment."""
