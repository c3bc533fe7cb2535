"""What packets alone say about TCP connections: findings in the field's words, and counts
behind them.
"""
