"""The built-in plugins: a table of contents. They arrive by the same entry point as everyone else's."""
