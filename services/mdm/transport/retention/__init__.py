"""What is kept in spite of its time, and what is erased before it."""
