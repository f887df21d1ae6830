"""Whole stories, through real processes."""
