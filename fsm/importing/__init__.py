"""What was made elsewhere, brought into the journal."""
