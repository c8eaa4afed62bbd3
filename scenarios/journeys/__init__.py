"""What people do, step by step: generators that yield Calls and receive Replies. No HTTP, no clock, no Locust."""
