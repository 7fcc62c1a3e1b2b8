"""Completion: what can be typed at the cursor of an editor."""
