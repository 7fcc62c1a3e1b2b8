"""Check data against schemas, requests against the API's model, pipelines as graphs."""
