"""What an approved answer is found by besides its own words: without it nobody could index the answer anew."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Adds the column. Answers known already are found by their own words alone, once they are indexed anew."""
    op.execute("ALTER TABLE retrieval.document ADD COLUMN found_by text NOT NULL DEFAULT ''")


def downgrade() -> None:
    """Drops it."""
    op.execute("ALTER TABLE retrieval.document DROP COLUMN found_by")
