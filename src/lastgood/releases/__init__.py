"""What lives under `.lastgood/`: releases, the live links, proofs and locks."""
