"""The page's regions beside its tabs: from the photo to what is taken home, one file each."""
