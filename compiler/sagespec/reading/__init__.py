"""Bytes to data with a span for every key and value."""
