"""Compile specs into compiled files."""
