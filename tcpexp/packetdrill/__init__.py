"""Scripts in packetdrill's language: read, played against a TCP, compared with what it did."""
