"""Connections to the pages, with TLS and without."""
