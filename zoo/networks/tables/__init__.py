"""The papers' networks as data: {table: {role: rows}}.

A file here holds tables of one paper; each public `Table` in it is found by its name in lower case.
"""

import importlib
import pkgutil

from zoo.networks.tables.table import Table

TABLES = {
    name.lower(): value
    for module in pkgutil.iter_modules(__path__)
    for name, value in vars(importlib.import_module(f"{__name__}.{module.name}")).items()
    if isinstance(value, Table)
}
