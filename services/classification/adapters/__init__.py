"""The trained model of a pack, and how it is kept on disk."""
