"""The generated pages: README's tables, RESULTS.md and results/*.md, from the ledger.

sources.py      what is read: methods, configs, the ledger
figures.py      a number, its spread or standard error, and a paper's number as text
protocols.py    results/metrics.md, and references to it
methods.py      results/<method>.md
comparisons.py  RESULTS.md
readme.py       README's tables
strip.py        README's picture
markdown.py     tables, links
"""
