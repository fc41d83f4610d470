"""Pieces of torch networks that several methods share, and the networks of the methods written here.

Modules of this package import torch; modules of ``methods`` import them inside ``fit`` and ``predict``.
"""
