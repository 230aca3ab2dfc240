"""The contents of lastgood's directory: releases, the live links, proofs and locks."""
