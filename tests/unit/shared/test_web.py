"""Which addresses are fetched at all: the rule, with nothing fetched."""

import pytest

from shared.web import Bounds, FetchFailed, FetchRefused, checked_address, fetch, is_public, unpacked

PUBLIC = "93.184.215.14"


def bounds(*addresses: str, allowed: frozenset[str] = frozenset()) -> Bounds:
    return Bounds(resolve=lambda host, port: list(addresses or (PUBLIC,)), allowed_hosts=allowed)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",  # The metadata service of most clouds.
        "100.64.0.1",  # Carriers' NAT; 100.100.100.200 is another cloud's metadata service.
        "100.100.100.200",
        "192.0.0.192",  # And yet another's.
        "192.0.2.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fd00:ec2::254",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "100::1",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::ffff:169.254.169.254",
        "::ffff:0:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
        "2002:c0a8:101::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "not an address",
        "",
    ],
)
def test_addresses_that_are_not_of_the_public_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", [PUBLIC, "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]
)
def test_addresses_of_the_public_internet(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "//example.org/x",
        "example.org",
        "http://",
        "http:///x",
        "https://user@example.org/",
        "https://user:secret@example.org/",
        "https://@example.org/",
        "https://example.org:22/",
        "https://example.org:99999/",
        "https://example.org:x/",
        "https://exam ple.org/",
        "https://example.org/a\r\nHost: inside",
        "https://example.org/a\tb",
        "https://example.org\\@inside/",
        "https://[::1",
        "https://a..b/",
        "https://" + "a" * 70 + ".org/",
        "https://example.org/" + "a" * 3000,
        "",
    ],
)
def test_urls_that_are_none_of_the_web_or_are_meant_to_mislead(url: str) -> None:
    with pytest.raises(FetchRefused):
        fetch(url, bounds())


@pytest.mark.parametrize("found", [("127.0.0.1",), (PUBLIC, "10.0.0.1"), ("::ffff:127.0.0.1",)])
def test_a_host_with_any_address_that_is_not_public_is_refused(found: tuple[str, ...]) -> None:
    with pytest.raises(FetchRefused, match="no public host"):
        fetch("https://rebinding.example/", bounds(*found))


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/",
        "http://LOCALHOST./",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://127。0。0。1/",
        "http://①②⑦.⓪.⓪.①/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:0001]/",
        "http://0/",
    ],
)
def test_this_machine_by_whatever_spelling(url: str) -> None:
    """The system's own resolver reads these; none of them leads out of the machine."""
    with pytest.raises((FetchRefused, FetchFailed)):
        checked_address(url, Bounds())


def test_the_operator_may_vouch_for_a_host_and_a_port() -> None:
    assert checked_address("http://wiki.corp:8080/x", bounds("10.0.0.1", allowed=frozenset({"wiki.corp"}))) == (
        "wiki.corp",
        8080,
        ("10.0.0.1",),
    )
    assert (
        checked_address("http://wiki.corp:8080/x", bounds("10.0.0.1", allowed=frozenset({"wiki.corp:8080"})))[1] == 8080
    )
    with pytest.raises(FetchRefused):
        checked_address("http://wiki.corp:8081/x", bounds("10.0.0.1", allowed=frozenset({"wiki.corp:8080"})))
    with pytest.raises(FetchRefused):
        checked_address("http://evil.wiki.corp/x", bounds("10.0.0.1", allowed=frozenset({"wiki.corp"})))


def test_what_is_no_gzip_or_not_all_of_it_is_told() -> None:
    for content in (b"", b"text", b"\x1f\x8b\x08\x00"):
        with pytest.raises(FetchFailed, match="gzip"):
            unpacked(content, 1000, "it")
