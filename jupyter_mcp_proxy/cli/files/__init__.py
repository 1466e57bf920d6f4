"""Clients' configuration files: an entry is put in, replaced or taken out, and everything else stays to the letter.

No file is written anew from what was read of it. The entry's place is looked for in the text and the text is changed
there; then both texts are read, and unless they differ by the entry alone nothing is written.
"""
