"""The organization table and its subtree condition: what access needs to know of organizations."""
