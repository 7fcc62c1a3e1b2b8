"""What authors, reviewers and CI read about specs and compiled files."""
