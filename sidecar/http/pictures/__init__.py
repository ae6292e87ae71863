"""Figures as SVG, for entities and for shared addresses. Draws what ``shapes`` hold, computes nothing."""
