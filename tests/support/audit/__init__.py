"""Leaves, their log's keys and checkpoints, evidence as an auditor gets it, a real witness."""
