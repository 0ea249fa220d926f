"""The code of wheelfleet without Ansible. Each folder is a room; a room imports only from the rooms below it."""

__version__ = "0.1.0"
#: As what the fleet introduces itself to servers.
USER_AGENT = f"wheelfleet/{__version__}"
