"""Tests of a sync, end to end."""
