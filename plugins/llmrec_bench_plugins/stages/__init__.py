"""Steps on the way to several methods, each built once and kept."""
