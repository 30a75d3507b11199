"""What a tip is and how urgent. Pure: no I/O, clock, environment or randomness but what is passed in."""
