"""Turns data frames into tables, figures and reports; imports nothing of the benchmark."""
