from nurture.admin import lead, outreach, sequences, templates, visits

__all__ = ["lead", "outreach", "sequences", "templates", "visits"]
