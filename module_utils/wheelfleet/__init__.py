"""What wheelfleet thinks with: pure Python, without Ansible. Each room is one step of the data's way."""
