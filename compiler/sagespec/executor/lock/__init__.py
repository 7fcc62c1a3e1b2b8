"""What only AWS knows, looked up once."""
