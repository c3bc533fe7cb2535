"""What this machine has and lacks, in words, and with the command that mends it."""
