"""What is shown: tables, plots, sheets of pictures."""
