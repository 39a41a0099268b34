"""Fitting: how the scorer, directions, components, text model and channels of `editing/weights` are made.

`python -m editing.fit --help` lists the steps. Nothing that edits a photo imports this package.
"""
