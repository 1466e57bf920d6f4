"""The client of the parent server: REST, kernel channel, collaboration room."""
