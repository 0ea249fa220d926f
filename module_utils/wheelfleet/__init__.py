"""What wheelfleet thinks with: pure Python, without Ansible. Each room is one step of the data's way."""

__version__ = "0.1.0"
#: As what the fleet introduces itself to servers.
USER_AGENT = f"wheelfleet/{__version__}"
