"""The page's tabs: what a visitor may change, one file each."""
