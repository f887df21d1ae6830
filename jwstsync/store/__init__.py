"""The disk: the tree of products, what jwstsync remembers beside it, and how bytes get their final names."""
