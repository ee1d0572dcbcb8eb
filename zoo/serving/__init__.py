"""Exports: versioned SavedModels that TF Serving reads, and the same verbs on them in Python."""

from zoo.serving.export import export
from zoo.serving.served import Served, load

__all__ = ["Served", "export", "load"]
