"""Leaf helpers that import no app."""
