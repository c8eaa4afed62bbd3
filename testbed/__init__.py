"""The reference systems: one platform with a real database. Shares the wire contract and no rule that judges it."""
