"""What people see: tables, outlines, differences, refusals; and evidence in other tools' forms."""
