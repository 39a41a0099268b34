"""Trouble that nobody has reported yet, in figures: bad input, many visitors, faults.

`python -m samm stress` runs all of it. It needs hypothesis, which makes up the input; nothing else imports
this package.
"""
