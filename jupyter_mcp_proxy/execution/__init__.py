"""Code that runs: in which kernel, in which order, what becomes of its output and of its questions."""
