"""The report's packet list: every packet of every capture, with what its headers say."""
