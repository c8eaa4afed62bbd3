"""The world and the plan: pure functions of a seed. No clock, no network, no files but the shipped data."""
