"""Notebooks that are opened, read, edited and undone, and whether their files are then what Jupyter makes of them.

`trip` drives an agent, `jupyter` opens and saves as Jupyter does without one, `outcome` compares, `known` has what
differs on purpose. `odd` are notebooks of our own; `python -m roundtrip` takes what packages ship (`.ci/nightly`).
"""
