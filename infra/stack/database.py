"""Makes the database, its owner and its extensions."""

import psycopg
from psycopg import sql

from infra.stack.problems import StackProblem

EXTENSIONS = ("vector", "pg_trgm", "unaccent")
OWNER = "handrail"
DATABASE = "handrail"


def create_database(admin_url: str, password: str) -> None:
    """Makes role and database on a server of our own; does nothing where both exist.

    Args:
        admin_url: URL of the superuser's database.
        password: the password of the new role.
    """
    with psycopg.connect(admin_url, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]).fetchone():
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(OWNER), sql.Literal(password))
            )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )


def create_extensions(url: str) -> None:
    """Makes the extensions that Handrail needs, where they are not there yet.

    Raises:
        StackProblem: the server does not have one, or the user may not create it.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        for extension in EXTENSIONS:
            try:
                connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension)))
            except psycopg.Error as error:
                raise StackProblem(
                    f"The database lacks the extension '{extension}' and it could not be created "
                    f"({str(error).splitlines()[0]}): ask its administrator for it."
                ) from error
