"""The pages people read. Each module makes one kind of page, from the catalog and from nothing else.

Nothing here reads a clock: the same catalog gives the same bytes, today and tomorrow. What has to be "now" is done in
the browser, from status.json.
"""
