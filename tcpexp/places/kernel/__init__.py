"""The kernels of User-Mode Linux: recipe, source, build, cache, archives."""
