"""What runs: jobs, training jobs, executions and functions; one module a sort, one interface, one registry."""
