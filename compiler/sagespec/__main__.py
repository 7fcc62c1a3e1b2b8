"""`python -m sagespec`: the same as the command `sagespec`."""

from sagespec.cli import main

main()
