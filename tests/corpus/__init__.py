"""A corpus of notebooks, run by `run_cells` and by `jupyter nbconvert --execute`, and what differs between the two.

`normal` and `differences` compare, without a server; `running` runs; `own` has a notebook of ours for each kind of
output, `packages` names those that others ship. `python -m corpus` runs the latter (`.ci/nightly`).
"""
