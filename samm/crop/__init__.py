"""From a photo to a crop and back: files, faces, quads, pasting; what other domains than faces ask of it."""
