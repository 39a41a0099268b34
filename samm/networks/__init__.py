"""The networks that the method is built on, and their operations."""
