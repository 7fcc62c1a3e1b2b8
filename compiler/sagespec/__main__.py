"""Run the command `sagespec` as `python -m sagespec`."""

from sagespec.cli import main

main()
