"""What ERP systems hold, said as typed records and back; pure."""
