"""Pure functions: tensors in, one loss per example out, always to be minimised."""
