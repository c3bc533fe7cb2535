"""The recorder ``cpu``: how busy the place's processors are."""
