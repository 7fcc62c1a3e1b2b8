"""Look up facts that only AWS knows, for the lock."""
