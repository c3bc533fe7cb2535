"""What a run leaves, as types.

Standard library only, because the engine writes it in guests too.
"""
