"""Two runs of one suite, before and after a change or from two machines, held side by side."""
