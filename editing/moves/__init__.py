"""What moves a code: attribute directions, principal components, words; and the scorer that sees it."""
