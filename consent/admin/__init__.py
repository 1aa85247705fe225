"""The compliance screens. They read the evidence and call services; nobody changes a row of it here."""

from consent.admin import addresses, evidence, rules

__all__ = ["addresses", "evidence", "rules"]
