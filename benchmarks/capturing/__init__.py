"""What benchmarks of captures share."""
