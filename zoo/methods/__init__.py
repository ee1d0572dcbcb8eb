"""One file a method; a method is what its paper adds."""
