"""What the hub can't decide or put right alone: the queue, exceptions, pins, and changes that are asked for."""
