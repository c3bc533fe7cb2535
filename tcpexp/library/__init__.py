"""What tcpexp knows about its field in words: the chapters of its experiments, and a glossary."""
