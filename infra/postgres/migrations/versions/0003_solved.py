"""Which articles were made from which: an approved answer goes when an article that it quotes changes or goes."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the table."""
    op.execute("""
        CREATE TABLE retrieval.dependency (
            tenant text NOT NULL,
            source_id text NOT NULL,
            document_id text NOT NULL,
            PRIMARY KEY (tenant, source_id, document_id),
            FOREIGN KEY (tenant, document_id) REFERENCES retrieval.document ON DELETE CASCADE
        )""")
    op.execute("CREATE INDEX dependency_document ON retrieval.dependency (tenant, document_id)")


def downgrade() -> None:
    """Drops it."""
    op.execute("DROP TABLE retrieval.dependency")
