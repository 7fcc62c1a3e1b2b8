"""Names in a project: where they are defined and used, and how to change them."""
