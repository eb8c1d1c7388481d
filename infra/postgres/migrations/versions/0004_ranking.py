"""What a search needs to choose terms and to rank: how many passages hold each term, how long passages are, titles."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Creates the counts, fills them, and keeps them true by triggers on the terms of passages."""
    op.execute("ALTER TABLE retrieval.document ADD COLUMN title_lexemes text[] NOT NULL DEFAULT '{}'")
    # Counted as passages come and go, since to count them all after each batch of an ingest would take ever longer.
    op.execute("""
        ALTER TABLE retrieval.corpus ADD COLUMN total_terms bigint NOT NULL DEFAULT 0,
            ALTER COLUMN chunks SET DEFAULT 0, ALTER COLUMN configurations SET DEFAULT '{}'""")
    op.execute("UPDATE retrieval.corpus SET total_terms = round(mean_terms * chunks)")
    op.execute("ALTER TABLE retrieval.corpus DROP COLUMN mean_terms")
    # A long question has hundreds of terms. To read the postings of the rarest alone, their numbers must be known first.
    op.execute("""
        CREATE TABLE retrieval.term (
            tenant text NOT NULL,
            audience text NOT NULL,
            lexeme text NOT NULL,
            found_in integer NOT NULL,
            PRIMARY KEY (tenant, audience, lexeme)
        ) WITH (fillfactor = 70)""")
    op.execute("""
        INSERT INTO retrieval.term
        SELECT tenant, audience, lexeme, count(*) FROM retrieval.posting GROUP BY tenant, audience, lexeme""")
    # Triggers, because passages also vanish by cascade. They run once a statement and meet no writer of their tenant:
    # an advisory lock lets one ingest of it in at a time. The order keeps two deletions from waiting for each other.
    op.execute("""
        CREATE FUNCTION retrieval.count_terms() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'INSERT' THEN
                INSERT INTO retrieval.term AS term
                SELECT tenant, audience, lexeme, count(*) FROM changed
                GROUP BY tenant, audience, lexeme ORDER BY tenant, audience, lexeme
                ON CONFLICT (tenant, audience, lexeme) DO UPDATE SET found_in = term.found_in + excluded.found_in;
            ELSIF TG_OP = 'DELETE' THEN
                UPDATE retrieval.term SET found_in = term.found_in - gone.passages
                FROM (SELECT tenant, audience, lexeme, count(*) AS passages FROM changed GROUP BY 1, 2, 3) AS gone
                WHERE (term.tenant, term.audience, term.lexeme) = (gone.tenant, gone.audience, gone.lexeme);
            ELSE
                TRUNCATE retrieval.term;
            END IF;
            RETURN NULL;
        END $$""")
    op.execute("""
        CREATE FUNCTION retrieval.count_chunks() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO retrieval.corpus AS corpus (tenant, chunks, total_terms)
            SELECT tenant, count(*) * TG_ARGV[0]::int, sum(terms) * TG_ARGV[0]::int FROM changed
            GROUP BY tenant ORDER BY tenant
            ON CONFLICT (tenant) DO UPDATE SET chunks = corpus.chunks + excluded.chunks,
                total_terms = corpus.total_terms + excluded.total_terms;
            RETURN NULL;
        END $$""")
    for operation, rows, sign in (("INSERT", "NEW", "1"), ("DELETE", "OLD", "-1")):
        for table, function in (("posting", "count_terms()"), ("chunk", f"count_chunks('{sign}')")):
            op.execute(f"""
                CREATE TRIGGER {table}_{operation.lower()} AFTER {operation} ON retrieval.{table}
                REFERENCING {rows} TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retrieval.{function}""")
    op.execute("""
        CREATE TRIGGER posting_truncate AFTER TRUNCATE ON retrieval.posting
        FOR EACH STATEMENT EXECUTE FUNCTION retrieval.count_terms()""")


def downgrade() -> None:
    """Drops the counts with their triggers."""
    for trigger in ("posting_insert", "posting_delete", "posting_truncate", "chunk_insert", "chunk_delete"):
        op.execute(f"DROP TRIGGER {trigger} ON retrieval.{trigger.partition('_')[0]}")
    op.execute("DROP FUNCTION retrieval.count_terms")
    op.execute("DROP FUNCTION retrieval.count_chunks")
    op.execute("DROP TABLE retrieval.term")
    op.execute("ALTER TABLE retrieval.document DROP COLUMN title_lexemes")
    op.execute("ALTER TABLE retrieval.corpus ADD COLUMN mean_terms real NOT NULL DEFAULT 1")
    op.execute("UPDATE retrieval.corpus SET mean_terms = greatest(1, total_terms / greatest(1, chunks))")
    op.execute("ALTER TABLE retrieval.corpus DROP COLUMN total_terms")
