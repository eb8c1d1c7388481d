"""Vectors of three models instead of two: between those of MiniLM and USE stand 384 dimensions of BGE."""

from alembic import op

revision = "0006"
down_revision = "0005"

_INDEX = """
    CREATE INDEX chunk_embedding ON retrieval.chunk USING hnsw (embedding halfvec_ip_ops)
    WITH (m = 16, ef_construction = 64)"""


def upgrade() -> None:
    """What is stored stays findable by its old parts, with nothing between them, until it is indexed anew."""
    op.execute("DROP INDEX retrieval.chunk_embedding")
    op.execute("""
        ALTER TABLE retrieval.chunk ALTER COLUMN embedding TYPE halfvec(1280) USING
            subvector(embedding, 1, 384) || array_fill(0, ARRAY[384])::halfvec || subvector(embedding, 385, 512)""")
    op.execute(_INDEX)


def downgrade() -> None:
    """Cuts the new part out."""
    op.execute("DROP INDEX retrieval.chunk_embedding")
    op.execute("""
        ALTER TABLE retrieval.chunk ALTER COLUMN embedding TYPE halfvec(896) USING
            subvector(embedding, 1, 384) || subvector(embedding, 769, 512)""")
    op.execute(_INDEX)
