"""What a run leaves, as types: standard library only, because the engine writes it in guests too."""
