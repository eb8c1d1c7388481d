"""Brings the database to the present form: `python -m infra.postgres.migrate`."""

from pathlib import Path

from alembic import command
from alembic.config import Config

from shared.database import sqlalchemy_url
from shared.settings import Settings


def migrate(database_url: str) -> None:
    """This function will apply the migrations that the database lacks.

    Raises:
        sqlalchemy.exc.OperationalError: PostgreSQL is not reachable.
    """
    command.upgrade(configuration(database_url), "head")


def configuration(database_url: str) -> Config:
    """What alembic's commands take for the database at this URL."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = sqlalchemy_url(database_url)
    return config


if __name__ == "__main__":
    migrate(Settings().database_url.get_secret_value())
