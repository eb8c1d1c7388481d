"""The knowledge of each tenant: articles, passages with vectors, and the terms of each passage."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")
    op.execute("CREATE SCHEMA IF NOT EXISTS retrieval")
    op.execute("""
        CREATE TABLE retrieval.document (
            tenant text NOT NULL,
            document_id text NOT NULL,
            collection text NOT NULL,
            title text NOT NULL,
            url text NOT NULL,
            language text NOT NULL,
            audience text NOT NULL CHECK (audience IN ('customer', 'internal')),
            body text NOT NULL,
            version text NOT NULL,
            updated_at timestamptz,
            indexed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (tenant, document_id)
        )""")
    op.execute("""
        CREATE TABLE retrieval.chunk (
            chunk_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            tenant text NOT NULL,
            document_id text NOT NULL,
            audience text NOT NULL,
            heading text NOT NULL,
            body text NOT NULL,
            span_start integer NOT NULL CHECK (span_start >= 0),
            span_end integer NOT NULL CHECK (span_end > span_start),
            terms integer NOT NULL CHECK (terms >= 0),
            embedding halfvec(896) NOT NULL,
            FOREIGN KEY (tenant, document_id) REFERENCES retrieval.document ON DELETE CASCADE
        )""")
    op.execute("CREATE INDEX chunk_document ON retrieval.chunk (tenant, document_id)")
    op.execute("""
        CREATE INDEX chunk_embedding ON retrieval.chunk USING hnsw (embedding halfvec_ip_ops)
        WITH (m = 16, ef_construction = 64)""")
    # An inverted index as rows: BM25 needs term and document frequencies, which a GIN index does not hold.
    op.execute("""
        CREATE TABLE retrieval.posting (
            tenant text NOT NULL,
            audience text NOT NULL,
            lexeme text NOT NULL,
            chunk_id bigint NOT NULL REFERENCES retrieval.chunk ON DELETE CASCADE,
            frequency smallint NOT NULL,
            terms integer NOT NULL
        )""")
    op.execute("""
        CREATE INDEX posting_lexeme ON retrieval.posting (tenant, audience, lexeme)
        INCLUDE (chunk_id, frequency, terms)""")
    op.execute("CREATE INDEX posting_chunk ON retrieval.posting (chunk_id)")
    op.execute("""
        CREATE TABLE retrieval.corpus (
            tenant text PRIMARY KEY,
            chunks integer NOT NULL,
            mean_terms real NOT NULL,
            configurations regconfig[] NOT NULL
        )""")


def downgrade() -> None:
    op.execute("DROP SCHEMA IF EXISTS retrieval CASCADE")
