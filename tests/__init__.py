"""The tests of jwstsync, in the order of its layers."""
