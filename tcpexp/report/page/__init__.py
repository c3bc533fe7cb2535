"""``report.html``: one page that holds everything a reader of a run needs."""
