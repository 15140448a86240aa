"""dig, dnsperf and unbound ask by ENUM."""

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from portdip.table.store import Store
from tests.interop.programs import output
from tests.interop.unbound import CONFIGURATION, unbound
from tests.lookup.stores import KINDS, NATIVE, PORTED, UNALLOCATED, WITHDRAWN, make_store
from tests.service.nodes import Node

APEX = "e164.arpa."

pytestmark = pytest.mark.system("dig", "bind9-dnsutils")


@dataclass(frozen=True)
class Said:
    """What dig shows of a reply: the response code, the flags, and the lines of each section."""

    status: str
    flags: set[str]
    text: str

    def section(self, name: str) -> list[str]:
        """The records of a section, blanks as one each."""
        found = re.search(rf";; {name} SECTION:\n(.*?)\n\n", self.text, re.DOTALL)
        return [" ".join(line.split()) for line in found[1].splitlines()] if found else []


def name_of(number: int) -> str:
    return ".".join(reversed(str(number))) + "." + APEX


def dig(at: Node | str, *question: object) -> Said:
    """What dig says of a question to a node, or to an address at port 53."""
    server = [f"@{at}"] if isinstance(at, str) else ["@127.0.0.1", "-p", at.enum]
    text = output("dig", *server, "+tries=1", "+timeout=5", *question)
    return Said(
        re.search(r"status: (\w+)", text)[1],  # type: ignore[index]
        set(re.search(r"flags: ([a-z ]+)", text)[1].split()),  # type: ignore[index]
        text,
    )


def naptr(number: int, uri: str) -> str:
    return f'{name_of(number)} 0 IN NAPTR 10 100 "u" "E2U+pstn:tel" "!^.*$!{uri}!" .'


@pytest.mark.parametrize("transport", [["+notcp"], ["+tcp"], ["+noedns"], ["+bufsize=4096", "+cookie"]], ids=str)
def test_dig_reads_each_kind_of_answer(node, transport):
    ported = dig(node, name_of(PORTED), "NAPTR", *transport)
    assert (ported.status, ported.section("ANSWER")) == ("NOERROR", [naptr(PORTED, f"tel:+{PORTED};npdi;rn=D002")])
    native = dig(node, name_of(NATIVE), "NAPTR", *transport)
    assert (native.status, native.section("ANSWER")) == ("NOERROR", [naptr(NATIVE, f"tel:+{NATIVE};npdi")])
    unknown = dig(node, name_of(UNALLOCATED), "NAPTR", *transport)
    assert (unknown.status, unknown.section("ANSWER")) == ("NXDOMAIN", [])
    assert unknown.section("AUTHORITY")[0].startswith(f"{APEX} 0 IN SOA ns.invalid. hostmaster.invalid. ")
    for said in (ported, native, unknown):
        assert said.flags & {"qr", "aa", "rd", "ra", "tc"} == {"qr", "aa", "rd"}
        assert "WARNING: Message" not in said.text


def test_the_apex_has_soa_and_ns(node):
    assert dig(node, APEX, "SOA").section("ANSWER")[0].startswith(f"{APEX} 0 IN SOA ")
    assert dig(node, APEX, "NS").section("ANSWER") == [f"{APEX} 0 IN NS ns.invalid."]


def test_a_number_has_no_records_of_other_types(node):
    said = dig(node, name_of(PORTED), "TXT")
    assert (said.status, said.section("ANSWER"), len(said.section("AUTHORITY"))) == ("NOERROR", [], 1)


def test_case_does_not_matter_and_comes_back_as_it_was(node):
    mixed = name_of(PORTED).replace("e164.arpa", "E164.aRPa")
    said = dig(node, mixed, "NAPTR")
    assert said.section("QUESTION") == [f";{mixed} IN NAPTR"]
    assert len(said.section("ANSWER")) == 1


@pytest.mark.parametrize(
    ("question", "status"),
    [
        ([name_of(PORTED), "ANY", "+notcp"], "NOTIMP"),
        ([name_of(PORTED), "NAPTR", "+opcode=STATUS"], "NOTIMP"),
        ([name_of(PORTED), "NAPTR", "+zflag"], "NOTIMP"),
        ([name_of(PORTED), "NAPTR", "+edns=1", "+noednsnegotiation"], "BADVERS"),
        (["-c", "CH", name_of(PORTED), "NAPTR"], "REFUSED"),
        (["example.com.", "NAPTR"], "NXDOMAIN"),
    ],
    ids=str,
)
def test_what_we_do_not_do_is_refused(node, question, status):
    said = dig(node, *question)
    assert (said.status, said.section("ANSWER")) == (status, [])


def test_there_is_no_transfer(node):
    text = output("dig", "@127.0.0.1", "-p", node.enum, "+tries=1", "+timeout=5", APEX, "AXFR")
    assert "Transfer failed" in text
    assert "NAPTR" not in text


@pytest.mark.system("dnsperf", "dnsperf")
def test_dnsperf_loses_no_query(node, tmp_path):
    queries = 20_000
    numbers = random.choices(KINDS, k=queries)
    (tmp_path / "queries").write_text("".join(f"{name_of(number)} NAPTR\n" for number in numbers))
    text = output(
        "dnsperf", "-s", "127.0.0.1", "-p", node.enum, "-d", tmp_path / "queries", "-n", 1, "-q", 100, "-c", 8, "-e",
    )  # fmt: skip
    assert int(re.search(r"Queries completed: +(\d+)", text)[1]) == queries, text  # type: ignore[index]
    codes = dict(re.findall(r"(NOERROR|NXDOMAIN|SERVFAIL|REFUSED) (\d+)", text))
    absent = sum(number in (UNALLOCATED, WITHDRAWN) for number in numbers)
    assert codes == {"NOERROR": str(queries - absent), "NXDOMAIN": str(absent)}


@pytest.mark.system("unbound", "unbound")
def test_the_deployed_file_is_sound():
    output("unbound-checkconf", CONFIGURATION)


@pytest.mark.system("unbound", "unbound")
@pytest.mark.parametrize(
    "more",
    ["", "qname-minimisation: yes\n    qname-minimisation-strict: yes", "use-caps-for-id: yes"],
    ids=["plain", "minimised-names", "mixed-case"],
)
def test_unbound_resolves_through_us(node, tmp_path, more):
    with unbound(tmp_path / "unbound", f"127.0.0.1@{node.enum}", more=more) as resolver:
        for number, uri in ((PORTED, f"tel:+{PORTED};npdi;rn=D002"), (NATIVE, f"tel:+{NATIVE};npdi")):
            said = dig(resolver, name_of(number), "NAPTR")
            assert (said.status, said.section("ANSWER")) == ("NOERROR", [naptr(number, uri)])
            assert "ra" in said.flags
        assert dig(resolver, name_of(UNALLOCATED), "NAPTR").status == "NXDOMAIN"
        assert dig(resolver, name_of(PORTED), "NAPTR").status == "NOERROR"


@pytest.mark.system("unbound", "unbound")
def test_unbound_goes_past_a_stale_node(stale_and_current, tmp_path):
    stale, _ = stale_and_current
    assert dig(stale, name_of(UNALLOCATED), "NAPTR").status == "SERVFAIL"
    with unbound(tmp_path / "unbound", *(f"127.0.0.1@{node.enum}" for node in stale_and_current)) as resolver:
        for _ in range(20):
            found = dig(resolver, name_of(UNALLOCATED), "NAPTR").section("ANSWER")
            assert found == [naptr(UNALLOCATED, f"tel:+{UNALLOCATED};npdi;rn=D002")]


@pytest.mark.system("unbound", "unbound")
def test_unbound_keeps_nothing_of_a_number_that_moves(tmp_path):
    store = make_store(tmp_path / "store")
    with Node(store) as node, unbound(tmp_path / "unbound", f"127.0.0.1@{node.enum}") as resolver:
        assert len(dig(resolver, name_of(PORTED), "NAPTR").section("ANSWER")) == 1
        assert dig(resolver, name_of(UNALLOCATED), "NAPTR").status == "NXDOMAIN"
        publish(store, node)
        moved = dig(resolver, name_of(PORTED), "NAPTR").section("ANSWER")
        assert moved == [naptr(PORTED, f"tel:+{PORTED};npdi;rn=D100")]
        found = dig(resolver, name_of(UNALLOCATED), "NAPTR").section("ANSWER")
        assert found == [naptr(UNALLOCATED, f"tel:+{UNALLOCATED};npdi;rn=D002")]


def publish(store: Path, node: Node) -> None:
    """Move two numbers, and wait until the node has it."""
    with Store.open(store).writer() as writer:
        writer.port(PORTED, "CT", "D100")
        writer.port(UNALLOCATED, "CU", "D002")
    for _ in range(500):
        if "D100" in dig(node, name_of(PORTED), "NAPTR").text:
            return
    raise AssertionError("the delta does not come into force")
