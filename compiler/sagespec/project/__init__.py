"""A project's settings, files, lock, policies and specs."""
