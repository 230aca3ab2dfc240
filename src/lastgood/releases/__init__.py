"""What lives in our directory: releases, the live links, proofs and locks."""
