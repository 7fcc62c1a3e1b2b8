"""Checks of data against schemas, of requests against the API's model, of pipelines as graphs."""
