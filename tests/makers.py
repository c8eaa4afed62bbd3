"""Small makers of inputs for tests."""
