"""Notebooks: as shared documents and as files, edited cell by cell, with what has happened to them."""
