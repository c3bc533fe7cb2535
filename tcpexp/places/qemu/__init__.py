"""QEMU as a place to run: the distribution's own kernel, on a clock that counts instructions."""
