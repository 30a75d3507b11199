"""How many cases corrupt readers betray, in a simulated world, under several ways of choosing readers.

    python -m benchmarks.exposure [--quick] [--worlds N] [--only base,bribery] [--policy avoidance=150 learning.keep=0.98]

The world (world.py, people.py), who leaks (truth.py) and the attacks (attacks.py) were written from a description, without the policy's
code: they use of the product what the line uses, `choose`, `opened` and `update`, on real cards, rosters and tip facts.
"""
