"""Values that know their origin, templates, and compiled files."""
