"""Rooms of the Lab, one file each: for who knows the method and wants to see into it."""
