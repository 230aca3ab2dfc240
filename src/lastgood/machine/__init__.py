"""Acting on this machine: what is delivered, what is live, its health, rollbacks while origin is out of reach."""
