"""What a cell shows and what a model is told of it. No process but the sidecar's, no socket, nothing of a server."""
