"""Asks a server or program whether it is ready for work."""

import asyncio
import http.client
import socket
from urllib.parse import urlsplit

import psycopg
import redis
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from infra.stack.problems import StackProblem

ANSWER_SECONDS_MAX = 2.0


def _listens(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS_MAX):
            return True
    except OSError:
        return False


def kafka_answers(bootstrap: str) -> bool:
    """Whether any broker of the comma-separated list hands out metadata. Must not run inside an event loop."""
    addresses = [address.strip().rpartition(":") for address in bootstrap.split(",")]
    # A plain connection first: the client logs an error for each attempt on a closed port.
    if not any(_listens(host.strip("[]"), int(port)) for host, _, port in addresses if port.isdigit()):
        return False
    return asyncio.run(_kafka_has_brokers(bootstrap))


async def _kafka_has_brokers(bootstrap: str) -> bool:
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=int(ANSWER_SECONDS_MAX * 1000))
    try:
        await client.bootstrap()
        return bool(client.cluster.brokers())
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


def postgres_answers(url: str) -> bool:
    """Whether PostgreSQL lets us in and answers.

    Raises:
        StackProblem: it answers, but refuses the password; or the URL makes no sense.
    """
    try:
        with psycopg.connect(url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
            return True
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StackProblem(
                "PostgreSQL refuses the password: the secrets.env in HANDRAIL_HOME does not belong to the data beside "
                "it (or HANDRAIL_DATABASE_URL is wrong); put the right one back."
            ) from error
        return False
    except psycopg.ProgrammingError as error:
        raise StackProblem(
            "HANDRAIL_DATABASE_URL cannot be understood: write it as postgresql://user:password@host:port/database."
        ) from error


def redis_answers(url: str) -> bool:
    """Whether Redis answers a PING.

    Raises:
        StackProblem: it answers, but refuses the password; or the URL makes no sense.
    """
    try:
        with redis.Redis.from_url(
            url, socket_timeout=ANSWER_SECONDS_MAX, socket_connect_timeout=ANSWER_SECONDS_MAX
        ) as client:
            return bool(client.ping())
    except ValueError as error:
        raise StackProblem(
            "HANDRAIL_REDIS_URL cannot be understood: write it as redis://:password@host:port/0."
        ) from error
    except redis.AuthenticationError as error:
        raise StackProblem(
            "Redis refuses the password: something else listens on its port, or HANDRAIL_REDIS_URL is wrong."
        ) from error
    except (redis.RedisError, OSError):
        return False


def http_answers(url: str) -> bool:
    """Whether GET on a plain HTTP URL answers 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_SECONDS_MAX)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


SERVER_CHECKS = {"kafka": kafka_answers, "postgres": postgres_answers, "redis": redis_answers}
"""Each takes the server's URL (for Kafka its bootstrap list)."""
