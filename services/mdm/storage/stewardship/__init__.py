"""What stewards do: decide, merge and unmerge, pin values, work their queue, ask for changes."""
