"""Who may read a case: exclusion, draw, gate. Pure: roster, tip facts and coins in; assignment with reasons out."""
