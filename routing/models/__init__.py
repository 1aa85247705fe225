from routing.models.ledger import Assignment, Clock, Handoff, HandoffState, Lease
from routing.models.rules import Goal, OnBreach, RouteSet, RoutingRule, Script, ScriptText
from routing.models.teams import Agent, Cursor, Team

__all__ = [
    "Agent",
    "Assignment",
    "Clock",
    "Cursor",
    "Goal",
    "Handoff",
    "HandoffState",
    "Lease",
    "OnBreach",
    "RouteSet",
    "RoutingRule",
    "Script",
    "ScriptText",
    "Team",
]
