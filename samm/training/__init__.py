"""Training of encoder and SAMM; never imported by the page, the command line or the editing.

`python -m samm.training encoder|samm --data TAR_OR_FOLDER… --minutes M --out DIR` starts it, alone or under
torchrun. Everything is learned at 256 pixels: the generator's half-size picture (½·LL of its last Haar
transform) averaged once more.
"""
