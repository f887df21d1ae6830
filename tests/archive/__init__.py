"""Tests of how the archive is asked."""
