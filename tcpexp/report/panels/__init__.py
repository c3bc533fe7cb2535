"""The interactive panels of a report: what they show, as tables and layers."""
