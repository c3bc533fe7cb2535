"""What ``import tcpexp`` gives: runs and specs as objects, at home in scripts and notebooks."""
