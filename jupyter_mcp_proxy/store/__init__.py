"""Files of our own, below Jupyter's data and runtime directories."""
