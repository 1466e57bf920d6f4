"""Every tool, called with right values, with ones beside them and with any others, on notebooks that others wrote.

`python -m fuzz` takes what packages ship; the tests take the odd ones of `roundtrip`, with few calls.
"""
