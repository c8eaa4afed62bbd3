"""The judgement: a sealed record in, findings and pages out.

Knows record/ and nothing of the world that made it. Only `store` writes files; nothing here reads a clock, so the
same record always gives the same bytes.
"""
