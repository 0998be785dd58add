"""What the two players are told to make small, one family a file."""
