"""The generated pages: README's tables, RESULTS.md, results/*.md from the ledger; the gallery.

sources.py      what is read: methods, configs, the ledger
protocols.py    results/metrics.md, and references to it
methods.py      results/<method>.md
comparisons.py  RESULTS.md
few_labels.py   its table of methods that learn from few labels
readme.py       README's tables
gallery.py      docs/gallery.md, and the cards of the pretrained models
strip.py        README's picture
markdown.py     tables, links
"""
