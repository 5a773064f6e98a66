"""What an operator can do: a class a verb, all of them in one table. Keys, palette, footers and help come from it."""
