"""The method, one file a section of the paper: alignment, masking, gathering, blending."""
