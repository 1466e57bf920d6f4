"""Everybody in one notebook: a machine that Hypothesis drives, and the oracle that it is measured by."""
