"""Metrics: pure functions of arrays, or of a model's public verbs; each names its protocol.

`measure` holds what they return; `evaluate` picks those that fit a model and its data.
"""
