"""YAML text to frozen models, with the place of every value for errors."""
