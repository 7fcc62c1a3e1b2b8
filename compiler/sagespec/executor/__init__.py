"""Plan, apply, track: reads compiled files, talks to AWS, prints nothing."""
