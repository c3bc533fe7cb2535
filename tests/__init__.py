"""Tests of tcpexp: ``tests/<room>/test_<module>.py``; what they share lies in ``support``."""
