"""The numbers and texts behind a paper's figures, from the stored records, as tables of text."""
