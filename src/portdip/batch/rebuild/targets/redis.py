"""Redis: a file of commands for `redis-cli --pipe`, a key for each rule.

Keys are `key` and the digits of the prefix, values by the pattern `value`. MGET of all beginnings of a number, the
longest first, gives its answer as the first that is there: one round trip. `nobody` is the value for numbers that
nobody has: where it is given, fewer keys can say the same. The last command sets the key `key` and `@sequence`, so
whoever reads knows that all is loaded. Load a whole table into an empty database, changes into the one they follow.

The format is that of redis.io/docs/latest/develop/reference/protocol-spec: arrays of bulk strings.
"""

from __future__ import annotations

from portdip.batch.rebuild import wording
from portdip.batch.rebuild.layout import DIGITS, Job, Kind, Layout, Limits, Text
from portdip.number import DIGITS_MAX

OPTIONS = {"key": "np:", "value": "{carrier};{routing_number}", "nobody": "", "database": "0"}
_DATABASES = 1 << 14


def layout(job: Job) -> Layout:
    """One file, redis.resp."""
    options = job.options
    pattern = wording.Pattern(options["value"], job.carriers)
    key, nobody = options["key"].encode(), options["nobody"]
    database = wording.whole("database", options["database"], 0, _DATABASES)

    def key_of(digits: int) -> bytes:
        return b"$%d\r\n%b%b\r\n" % (len(key) + digits, key, DIGITS)

    def row(kind: Kind) -> bytes:
        value = pattern.of(kind.route) if kind.route else nobody
        return b"*3\r\n$3\r\nSET\r\n" + key_of(kind.digits) + _bulk(value.encode())

    rules = Text(
        "redis.resp",
        row,
        head=_command(b"SELECT", b"%d" % database),
        foot=_command(b"SET", key + b"@sequence", b"%d" % job.sequence),
        gone=lambda digits: b"*2\r\n$3\r\nDEL\r\n" + key_of(digits),
    )
    return Layout(rules, Limits(DIGITS_MAX), pattern.fault, may_block=bool(nobody))


def _bulk(text: bytes) -> bytes:
    return b"$%d\r\n%b\r\n" % (len(text), text)


def _command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(map(_bulk, words))
