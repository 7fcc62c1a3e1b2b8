"""Runs: jobs, training jobs, executions and functions, with one interface and a module for each sort."""
