"""What tables say, computed once: read by checks, figures, panels, comparisons and hand-ins."""
