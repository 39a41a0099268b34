"""Training of encoder and SAMM; never imported by the page, the command line or the editing.

`python -m samm.training encoder|samm --data TAR_OR_FOLDER… --minutes M --out DIR` starts it, alone or under
torchrun; `--preset` names other networks to train a SAMM for. Everything is learned at 256
pixels: the generator's picture averaged, which MobileStyleGAN gives from half its size (½·LL of its last Haar
transform).
"""
