"""The small package that a plugin of one's own starts from."""
