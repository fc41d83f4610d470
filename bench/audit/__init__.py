"""Auditing a task: what is trained and tested, whether anything leaks, and where everything comes from."""

from bench.audit.audit import audit_task
from bench.audit.findings import Audit, Finding, PartSummary

__all__ = ["Audit", "Finding", "PartSummary", "audit_task"]
