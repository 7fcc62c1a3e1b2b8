"""Parse bytes into data with a span for every key and value."""
