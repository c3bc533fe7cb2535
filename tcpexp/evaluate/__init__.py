"""What RFC 9743 asks of a congestion control: cases as data, runs, criteria, matrix, report."""
