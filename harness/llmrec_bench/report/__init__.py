"""One self-contained page of a suite's tables, figures, charts and trials, made from the stored records."""
