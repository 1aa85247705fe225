from nurture.admin import lead, outreach, sequences, templates

__all__ = ["lead", "outreach", "sequences", "templates"]
