"""One file a method; a method is what its paper adds.

Importing this package registers all of them with Keras, for `keras.models.load_model`.
"""

import importlib
import pkgutil

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")
