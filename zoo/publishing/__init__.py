"""Pretrained models and their runs: what is published of a run, and exports of what was.

`zoo.pretrained`, below, has the names and the archives, and knows neither runs nor exports.
"""

from zoo.publishing.exports import load

__all__ = ["load"]
