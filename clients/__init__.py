"""What people and programs use Concord with."""
