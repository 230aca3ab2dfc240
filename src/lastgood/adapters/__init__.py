"""One outside tool each, its errors translated at the border."""
