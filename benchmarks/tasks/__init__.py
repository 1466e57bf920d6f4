"""Six tasks of an agent, each as a script that plays a sensible model: calls, tokens, errors, outcome."""
