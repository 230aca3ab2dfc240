"""What checkout works on: outputs in the working tree, work that nobody saved, and the state of a checkout."""
