"""Isolated environments: for methods whose packages cannot live beside the rest.

One lock file in ``locks/`` is one environment; a method names it with ``environment = "..."``.
"""
