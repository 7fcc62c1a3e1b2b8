"""`python -m compiler`: the same as the command `sagespec`."""

from compiler.cli import main

main()
