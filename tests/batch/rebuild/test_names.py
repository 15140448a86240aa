"""Names of DNS answer as the rules they are made of, by the rules of DNS for wildcards."""

from hypothesis import example, given, settings

from portdip.batch.rebuild import aggregate
from portdip.batch.rebuild.content import Content
from portdip.batch.rebuild.names import named
from portdip.errors import RebuildError
from portdip.index import ENTRY
from tests.batch.rebuild import made
from tests.batch.rebuild.test_rebuild import PORTS, RANGES, edges, not_asked


def answered(names, number):
    """The code that a query for the number finds (RFC 4592, 4.3.3): its own name, or the wildcard of the nearest node.

    `names` has the code of a name of a number, and of a wildcard with `*` behind the prefix.
    """
    digits = str(number)
    nodes = {name[:count] for name in names for count in range(1, len(name) + 1)}
    if digits in nodes:
        return names.get(digits, 0)
    nearest = max((digits[:count] for count in range(len(digits)) if digits[:count] in nodes), key=len, default="")
    return names.get(f"{nearest}*", 0)


# A number on the way from a shorter rule to a longer number: no rule of its own, but a node.
@example(ranges=[(86000, 86000, "A"), (86000, 86009, "B;0")], ports=[(860000, "A")])
@settings(max_examples=25)
@given(ranges=RANGES, ports=PORTS)
def test_a_query_finds_what_the_engine_says(tmp_path_factory, ranges, ports):
    engine = made.engine_of(made.store_of(tmp_path_factory.mktemp("named") / "store", ranges, ports))
    content = Content(engine.generation)
    try:
        tree = aggregate.tree(content)
    except RebuildError:  # of two lengths and routes
        return
    for may_block in (False, True):
        table = aggregate.exact(content, tree, may_block)
        names = {}
        for batch in named(iter([table]), content):
            for prefix, match in zip(batch.prefix.tolist(), batch.match.tolist(), strict=True):
                name = str(prefix) if match >= ENTRY else f"{prefix}*"
                assert name not in names
                names[name] = match % ENTRY
        for number in edges(ranges, ports):
            code = engine.index[number]
            if code or not not_asked(engine, number, ranges, ports):
                assert answered(names, number) == code, number
