"""Alembic's entry point: one transaction for all migrations, one version table for all schemas."""

from alembic import context
from sqlalchemy import create_engine, text

engine = create_engine(context.config.attributes["url"])
with engine.connect() as connection:
    # Two processes may start at once; the second waits and then finds nothing to do.
    connection.execute(text("SELECT pg_advisory_lock(hashtextextended('handrail-migrations', 0))"))
    connection.commit()
    context.configure(connection=connection, version_table="handrail_migration", transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
