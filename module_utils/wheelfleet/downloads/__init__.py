"""Downloads, counted from the web nodes' access logs. Only sums without addresses leave a web node.

`user_agents`, `log_rotation` and `access_log` run on web nodes: standard library only, Python 3.9 or newer.
"""
