"""Who installs what: counted from the web nodes' access logs. What leaves a web node are sums without addresses.

`agents`, `rotation` and `access_log` run on web nodes: standard library only, Python 3.9 or newer.
"""
