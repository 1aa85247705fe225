from routing.models.ledger import Assignment, Clock, Handoff, HandoffState, Lease, Notice, ReturnReason
from routing.models.rules import Cadence, Goal, OnBreach, Rerouting, RouteSet, RoutingRule, Script, ScriptText
from routing.models.teams import Agent, Cursor, Team

__all__ = [
    "Agent",
    "Assignment",
    "Cadence",
    "Clock",
    "Cursor",
    "Goal",
    "Handoff",
    "HandoffState",
    "Lease",
    "Notice",
    "OnBreach",
    "Rerouting",
    "ReturnReason",
    "RouteSet",
    "RoutingRule",
    "Script",
    "ScriptText",
    "Team",
]
