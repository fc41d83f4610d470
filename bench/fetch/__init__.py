"""Fetching public data sets: sources, checksums, resumable downloads, and import of what arrives.

Nothing here touches the network unless :func:`bench.fetch.fetch.fetch` is called without a local folder.
"""
