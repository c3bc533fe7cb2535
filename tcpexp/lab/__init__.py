"""The laboratory in the browser: a local page on which knobs are turned and runs appear."""
