"""Delivery's state in PostgreSQL, and the helpdesks' HTTP interfaces."""
