"""Fitting: how scorer, directions, components, text model and channels in `samm/weights` are made.

`python -m editing.training --help` lists the steps. Nothing that edits a photo imports this package.
"""
