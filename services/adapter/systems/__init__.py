"""Connected systems: which there are, what has to be written for one, how they are reached and fail."""
