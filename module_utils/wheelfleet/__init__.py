"""The code of wheelfleet without Ansible. Each folder is a room; a room imports only from the rooms below it."""

__version__ = "0.1.0"
#: The User-Agent of the fleet's requests.
USER_AGENT = f"wheelfleet/{__version__}"
