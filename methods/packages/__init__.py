"""What the adapters of other authors' packages share."""
