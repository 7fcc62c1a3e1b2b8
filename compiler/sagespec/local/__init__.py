"""Run trainings on this machine."""
