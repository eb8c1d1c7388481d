"""Which broker is chosen, whose jars are trusted, and what the doctor says."""

from pathlib import Path

import pytest

from infra.kafka import jars
from infra.stack import broker, doctor
from infra.stack.problems import StackProblem


def _fake_java(folder: Path, told: str) -> dict[str, str]:
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{told}' >&2\n")
    java.chmod(0o755)
    return {"PATH": str(folder)}


def test_without_java_the_standin_is_chosen_and_says_what_it_cannot_do(tmp_path: Path) -> None:
    found = broker.choose_broker({"PATH": str(tmp_path)}, tmp_path / "maven.log", lambda sentence: None)

    assert found.kind == "standin"
    assert "Java 17 or later is not installed" in found.notice
    for lack in ("keeps nothing over a restart", "no idempotent producer", "no transactions", "no retention"):
        assert lack in found.notice


@pytest.mark.parametrize("told", ['openjdk version "11.0.22" 2024-01-16', 'java version "1.8.0_402"', "nonsense"])
def test_an_old_java_counts_as_none(tmp_path: Path, told: str) -> None:
    obstacle = broker.obstacle_to_java(_fake_java(tmp_path, told))

    assert obstacle is not None
    assert "Kafka needs 17 or later" in obstacle


def test_a_new_java_will_do(tmp_path: Path) -> None:
    assert broker.obstacle_to_java(_fake_java(tmp_path, 'openjdk version "21" 2023-09-19')) is None


def test_apache_kafka_is_not_silently_replaced_when_it_was_asked_for(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HANDRAIL_BROKER": "apache"}

    with pytest.raises(StackProblem, match="Apache Kafka cannot start because Java 17"):
        broker.choose_broker(environ, tmp_path / "maven.log", lambda sentence: None)


def test_an_unknown_broker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StackProblem, match="must be 'apache' or 'standin'"):
        broker.choose_broker({"HANDRAIL_BROKER": "rabbit"}, tmp_path / "maven.log", lambda sentence: None)


def test_with_java_but_neither_jars_nor_maven_the_standin_is_chosen(tmp_path: Path) -> None:
    environ = _fake_java(tmp_path, 'openjdk version "17.0.1"') | {"HANDRAIL_CACHE": str(tmp_path / "cache")}
    told: list[str] = []

    found = broker.choose_broker(environ, tmp_path / "maven.log", told.append)

    assert "Maven (mvn) is not installed" in found.notice
    assert "Fetching Apache Kafka" in told[0]


def test_jars_with_another_checksum_are_refused(tmp_path: Path) -> None:
    environ = _fake_java(tmp_path, 'openjdk version "17.0.1"') | {"HANDRAIL_CACHE": str(tmp_path)}
    folder = jars.cache_folder(environ)
    folder.mkdir(parents=True)
    (folder / f"kafka_2.13-{jars.kafka_version()}.jar").write_bytes(b"not Kafka")

    with pytest.raises(StackProblem, match=r"do not match .* Kafka is not started"):
        broker.choose_broker(environ, tmp_path / "maven.log", lambda sentence: None)


def test_only_the_very_same_jars_are_accepted(tmp_path: Path) -> None:
    folder, checksums = tmp_path / "jars", tmp_path / "checksums.txt"
    folder.mkdir()
    (folder / "a.jar").write_bytes(b"a")
    (folder / "b.jar").write_bytes(b"b")
    checksums.write_text("".join(f"{digest}  {name}\n" for name, digest in jars.checksums_of(folder).items()))
    jars.verify(folder, checksums)

    (folder / "c.jar").write_bytes(b"one too many")
    with pytest.raises(jars.ChecksumMismatch, match=r"1 of .*c\.jar"):
        jars.verify(folder, checksums)

    (folder / "c.jar").unlink()
    (folder / "a.jar").unlink()
    with pytest.raises(jars.ChecksumMismatch, match=r"1 of .*a\.jar"):
        jars.verify(folder, checksums)


def test_the_committed_checksums_are_of_the_pinned_version() -> None:
    names = [line.split()[1] for line in jars.CHECKSUMS.read_text().splitlines()]

    assert f"kafka_2.13-{jars.kafka_version()}.jar" in names
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("finding", "level", "words"),
    [
        (doctor.examine_memory(2**30), "warning", "close something, or expect it to be slow"),
        (doctor.examine_memory(2**34), "ok", "16.0 GB of memory are free"),
        (doctor.examine_ports([19092]), "ok", "Taken by others: 19092; free ones will be used"),
        (doctor.examine_ports([]), "ok", "The usual ports are free"),
        (doctor.examine_platform("darwin"), "warning", "run 'handrail down' after a crash"),
        (doctor.examine_program("redis", Path("/no/redis-server")), "problem", "run 'make setup' again"),
        (doctor.examine_java({"PATH": ""}), "warning", "only the stand-in broker can run: Java 17 or later is not"),
        (doctor.examine_java({"PATH": "", "HANDRAIL_BROKER": "apache"}), "problem", "apt-get install openjdk-17"),
        (doctor.examine_jars({"PATH": "", "HANDRAIL_CACHE": "/no"}), "warning", "Maven is missing"),
        (doctor.examine_given("redis", "redis://:secret@127.0.0.1:1/0"), "problem", "correct or unset it"),
    ],
)
def test_the_doctor_says_what_to_do(finding: doctor.Finding, level: str, words: str) -> None:
    assert finding.level == level
    assert words in finding.sentence
    assert "secret" not in finding.sentence
    assert finding.sentence.endswith(".")


@pytest.mark.parametrize(
    ("name", "url", "words"),
    [
        ("postgres", "postgresql+asyncpg://handrail@127.0.0.1/handrail", "write it as postgresql://"),
        ("redis", "127.0.0.1:6379", "write it as redis://"),
    ],
)
def test_a_url_that_makes_no_sense_is_answered_by_one_that_does(name: str, url: str, words: str) -> None:
    finding = doctor.examine_given(name, url)

    assert finding.level == "problem"
    assert words in finding.sentence


def test_the_doctor_notices_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "FREE_BYTES_MIN", 2**62)

    assert "make room" in doctor.examine_home(tmp_path / "var").sentence


def test_the_doctor_refuses_jars_with_another_checksum(tmp_path: Path) -> None:
    environ = {"HANDRAIL_CACHE": str(tmp_path)}
    jars.cache_folder(environ).mkdir(parents=True)

    assert doctor.examine_jars(environ).level == "problem"
