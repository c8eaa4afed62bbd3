"""What is outside the platform: who people are, the national portal, a bank. A process and a database of its own."""
