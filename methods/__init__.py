"""Perturbation-prediction methods behind one contract: one module, one class each."""
