"""RecBole's modules on plain arrays: built, trained by their own losses, and asked for scores."""
