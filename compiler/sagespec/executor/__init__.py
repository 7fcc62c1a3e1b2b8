"""Plan, apply and track compiled files: calls AWS, prints nothing."""
