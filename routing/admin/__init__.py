from routing.admin import lead, people, rules, work

__all__ = ["lead", "people", "rules", "work"]
