"""Data sets: the canonical form, the cache, and importers of the layouts people have."""
