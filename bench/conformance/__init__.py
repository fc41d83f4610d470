"""The conformance suite: what a method must do, asked of it on tiny simulated tasks."""
