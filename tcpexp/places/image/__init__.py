"""The root file system that virtual places share: recipe, build, cache, archives."""
