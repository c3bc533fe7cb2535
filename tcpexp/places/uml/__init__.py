"""User-Mode Linux as a place to run: the kernel as an ordinary process, on a clock that jumps."""
