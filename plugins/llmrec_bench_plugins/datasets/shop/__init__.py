"""The parts of the synthetic shop: words, items, people, purchases, reviews."""
