"""From specs to compiled files."""
