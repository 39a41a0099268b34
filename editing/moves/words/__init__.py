"""Words to moves in StyleCLIP's three ways (Patashnik et al. 2021), one file a way, and the text models."""
