"""Methods whose plugin has an environment of its own, because what it depends on does not go with the rest."""
