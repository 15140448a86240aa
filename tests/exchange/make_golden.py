"""Makes the files under `data/golden` and `data/damaged` that are not there: `python -m tests.exchange.make_golden`.

What is there is never made again. A golden file is a promise to readers of files of its format version, so it only
ever gets company, by a later version. Its key is a test key that everybody knows (RFC 8032, 7.1, test 1).
"""

from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path

import pyarrow as pa
import xxhash
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portdip.exchange import delta_csv
from portdip.exchange.chain import Head
from portdip.exchange.changes import Operation
from portdip.exchange.keys import SigningKey
from tests.exchange.changes_made import EVERYTHING, encoded, made, rows

DATA = Path(__file__).parents[2] / "data"
GOLDEN, DAMAGED = DATA / "golden", DATA / "damaged"
SECRET = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
TRAILER = 112


def main() -> None:
    """Write what is missing."""
    key = SigningKey(Ed25519PrivateKey.from_private_bytes(SECRET))
    unsigned = made(EVERYTHING, Head.beginning("golden"))
    signed = made(EVERYTHING, Head.of(unsigned), key)
    for name, found in (("delta-v1-unsigned", unsigned), ("delta-v1-signed", signed)):
        put(GOLDEN / f"{name}.delta", found.content)
        put(GOLDEN / f"{name}.csv", delta_csv.to_csv(found).encode())
    put(GOLDEN / "delta-v1-signed.public", f"{key.public}\n".encode())
    for name, content in damaged(key).items():
        put(DAMAGED / f"{name}.delta", content)


def put(path: Path, content: bytes) -> None:
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(path)


def damaged(key: SigningKey) -> dict[str, bytes]:
    """One delta for each kind of damage."""
    sound = encoded(EVERYTHING, Head.beginning("damaged"), key)
    body_bytes = struct.unpack_from("<Q", sound, len(sound) - 104)[0]
    stranger = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    release = {"operation": Operation.RELEASE, "number": 1}
    return {
        "empty": b"",
        "not-a-delta": b"operation,number,carrier,routing_number\nport,8613800138000,CUCC,0B17\n" * 4,
        "cut": sound[: len(sound) // 2],
        "cut-in-seal": sound[:-40],
        "longer": sound + bytes(4096),
        "flipped-in-body": flipped(sound, 1000),
        "flipped-in-checks": flipped(sound, body_bytes),
        "flipped-in-magic": flipped(sound, len(sound) - 112),
        "flipped-in-version": flipped(sound, len(sound) - 105),
        "flipped-in-length": flipped(sound, len(sound) - 104),
        "flipped-in-digest": flipped(sound, len(sound) - 96),
        "flipped-in-signature": flipped(sound, len(sound) - 1),
        "unsigned-with-signature": flipped(encoded(rows(release), Head.beginning("damaged")), -1),
        "unsigned": encoded(rows(release), Head.beginning("damaged")),
        "signed-by-a-stranger": encoded(rows(release), Head.beginning("damaged"), stranger),
        "later-version": sealed(body(rows(release)), version=b"2"),
        "wrong-length": sealed(body(rows(release)), length=7),
        "no-header": sealed(body(rows(release), header=False)),
        "impossible-header": sealed(body(rows(release), sequence=0)),
        "header-contradicts-rows": sealed(body(rows(release), rows=2)),
        "other-columns": sealed(body(rows(release).drop_columns(["text"]))),
        "rows-that-are-none": sealed(body(rows(release))[:-100]),
        "row-without-its-column": sealed(body(rows({"operation": Operation.PORT, "number": 1}))),
        "row-of-no-operation": sealed(body(rows({"operation": 99, "number": 1}))),
        "number-too-long": sealed(body(rows({"operation": Operation.RELEASE, "number": 10**15}))),
        "port-of-a-range": sealed(body(rows(release | {"operation": Operation.PORT, "last": 2, "carrier": "A"}))),
    }


def flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def body(changes: pa.RecordBatch, *, header: bool = True, **facts: object) -> bytes:
    """The body of an unsigned delta, whatever its header says."""
    told = {"format": 1, "dataset": "damaged", "sequence": 1, "previous": "00" * 32, "rows": len(changes)}
    told |= {"created": "2026-01-02T03:04:05+00:00", "signer": ""} | facts
    sink = pa.BufferOutputStream()
    metadata = {"portdip.delta": json.dumps(told)} if header else {}
    with pa.ipc.new_stream(sink, changes.schema.with_metadata(metadata)) as writer:
        writer.write_batch(changes)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def sealed(content: bytes, version: bytes = b"1", length: int | None = None) -> bytes:
    """A seal made by the letter of the specification, over any body; without a signature."""
    checks = [xxhash.xxh3_64_intdigest(content[at : at + 4096]) for at in range(0, len(content), 4096)]
    whole = content + struct.pack(f"<{len(checks)}Q", *checks)
    whole += b"PDDELTA" + version + struct.pack("<Q", len(content) if length is None else length)
    return whole + hashlib.sha256(whole).digest() + bytes(64)


if __name__ == "__main__":
    main()
