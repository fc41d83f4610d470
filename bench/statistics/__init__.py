"""Statistics over perturbations: summaries, paired comparisons, dynamic range.

The unit of analysis is the perturbation (condition). Values of one method under one metric come
as an array (seeds, conditions), NaN where the metric is undefined.
"""
