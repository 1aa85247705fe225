from routing.admin import board, lead, people, rules, simulator, work

__all__ = ["board", "lead", "people", "rules", "simulator", "work"]
