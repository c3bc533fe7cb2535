"""What figures are drawn with: axes, lines, colours, tables, fonts; nothing here knows a run."""
