"""The pages for people. Each module makes one kind of page from the catalog.

Nothing here reads a clock: the same catalog gives the same bytes. The browser shows the present state from status.json.
"""
