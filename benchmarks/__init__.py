"""What is measured and not tested: `make bench-load`. A time is never asserted here; a wrong answer is."""
