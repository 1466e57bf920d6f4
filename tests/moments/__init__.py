"""A kernel's life by lot: runs, restarts, interrupts, moves, deaths, each begun at a moment by lot."""
