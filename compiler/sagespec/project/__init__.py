"""What a project says: its settings, files, lock, policies and specs."""
