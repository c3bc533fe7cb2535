"""The player of scripts against the kernel in the guest: what of it runs on this machine."""
