"""The world outside retrieval: PostgreSQL, the embedding models, and files of knowledge."""
