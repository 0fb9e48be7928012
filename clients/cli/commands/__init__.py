"""The commands, a module for what belongs together; loaded when they are asked for."""
