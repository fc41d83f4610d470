"""Gathers what the HTML report shows; ``reports/html`` lays it out."""
