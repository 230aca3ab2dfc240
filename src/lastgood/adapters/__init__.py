"""One outside tool per module or package; its errors are translated here."""
