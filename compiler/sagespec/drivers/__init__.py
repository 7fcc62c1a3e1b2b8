"""What runs in the training container: the standard library of Python 3.8 and nothing else.

These files are uploaded as they are, beside `sourcecode.json` and `distributed.json`, which say what to run; so they
never differ between jobs. They import nothing of the compiler, which is not there.
"""
