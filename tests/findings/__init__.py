"""What the findings say that a layer computes, in NumPy: a claim of "bit for bit" is run again."""
