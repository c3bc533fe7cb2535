"""Several runs side by side: the same experiment on several kernels, say."""
