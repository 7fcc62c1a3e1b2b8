"""The language server: what `validate`, `explain` and refs say, in an editor."""
