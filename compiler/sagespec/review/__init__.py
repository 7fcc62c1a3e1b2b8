"""Reports on specs and compiled files for authors, reviewers and CI."""
