"""Files that were made to do harm, by kind; each is a few kilobytes that ask for far more."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import struct
import tarfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import bson

ROOT = Path(__file__).resolve().parents[2]
QUICKSTART = (ROOT / "runcards" / "quickstart.yml").read_bytes()
FROZEN = ROOT / "tests" / "hyper_optimization" / "frozen" / "1-0.1.0"
RECORDS: list[dict[str, Any]] = json.loads((FROZEN / "tries.json").read_bytes())
STATE_OPENS = b"\x80\x04cn3hyper.hyper_optimization.filetrials\nFileTrials\n)\x81"


# ------------------------------------------------------------ pickles
def forged(state: dict[str, Any]) -> bytes:
    """The pickle of a store with that state."""
    return STATE_OPENS + pickle.dumps(state, protocol=3)[2:-1] + b"b."


def state(**changes: Any) -> dict[str, Any]:
    """The state of a store without trials."""
    scan = {"seed": 1, "algo": "tpe", "fingerprint": {"replicas": "1"}, "runcard": "a: b"}
    whole = {
        "format": 1,
        "version": "0.1.0",
        "exp_key": None,
        "scan": scan,
        "space": None,
        "rstate": None,
        "trials": b"",
    }
    return {**whole, **changes}


def with_scan(**changes: Any) -> bytes:
    return forged(state(scan={**state()["scan"], **changes}))


def with_record(**changes: Any) -> bytes:
    record = {**json.loads(json.dumps(RECORDS[0])), **changes}
    return forged(state(trials=json.dumps(record).encode()))


def doubling(levels: int, opens: bytes = b"]", fills: bytes = b"e") -> bytes:
    """Opcodes of a list that holds two of the one before, and so on."""
    code = b"]r\0\0\0\0" + b"0"
    for level in range(levels):
        get = b"j" + struct.pack("<I", level)
        code += opens + b"(" + get + get + fills + b"r" + struct.pack("<I", level + 1) + b"0"
    return code + b"j" + struct.pack("<I", levels)


def tuple_bomb_as_key(levels: int) -> bytes:
    code = b")r\0\0\0\0" + b"0"
    for level in range(levels):
        get = b"j" + struct.pack("<I", level)
        code += get + get + b"\x86r" + struct.pack("<I", level + 1) + b"0"
    return STATE_OPENS + b"}" + code + b"j" + struct.pack("<I", levels) + b"Nsb."


def colliding_keys(number: int) -> bytes:
    code = b"".join(
        b"\x8a\x0a" + (place * (2**61 - 1)).to_bytes(10, "little") + b"N" for place in range(number)
    )
    return STATE_OPENS + b"}(" + code + b"ub."


NPY = b"{'descr': '<f8', 'fortran_order': False, 'shape': (100000, 1000000), }"


def with_space(encoded: Any) -> bytes:
    return forged(state(space=json.dumps(encoded)))


def space_bomb(levels: int) -> str:
    nodes: list[dict[str, Any]] = [{"literal": 1}]
    for place in range(levels):
        nodes.append(
            {"name": "pos_args", "args": [place, place], "named": [], "o_len": None, "pure": True}
        )
    return json.dumps(nodes)


@cache
def pickles() -> dict[str, bytes]:
    opens = STATE_OPENS + b"}("
    part = {name: b"\x8c" + bytes([len(name)]) + name.encode() for name in state()}
    return {
        "long binput": b"\x80\x04Nr\0\0\0\x10.",
        "long binput of the object": STATE_OPENS + b"r\xff\xff\xff\x7f" + b"}b.",
        "bytearray of exabytes": b"\x80\x05\x96" + b"\xff" * 7 + b"\x0f",
        "bytes of gigabytes": b"\x80\x04B\xff\xff\xff\x7f",
        "text of gigabytes": b"\x80\x04X\xff\xff\xff\x7f",
        "long of gigabytes": b"\x80\x04\x8b\xff\xff\xff\x7f",
        "frame of exabytes": b"\x80\x04\x95" + b"\xff" * 8,
        "format is a doubling list": opens + part["format"] + doubling(60) + b"ub.",
        "exp_key is a doubling list": opens
        + part["format"]
        + b"K\x01"
        + part["exp_key"]
        + doubling(60)
        + b"ub.",
        "doubling dictionary": opens + part["format"] + doubling(60, b"}", b"u") + b"ub.",
        "tuples as keys": tuple_bomb_as_key(60),
        "frozen sets": STATE_OPENS + b"(" * 50 + b"\x91" * 50 + b"b.",
        "keys that collide": colliding_keys(40_000),
        "nested without end": STATE_OPENS + b"]" * 90_000 + b"a" * 89_999 + b"b.",
        "a list that holds itself": STATE_OPENS + b"]q\0h\0ab.",
        "integers as text": b"\x80\x02I" + b"9" * 100_000 + b"\n.",
        "a name without end": b"\x80\x02c" + b"a" * 3_000_000,
        "dup": STATE_OPENS + b"N2222b.",
        "marks": STATE_OPENS + b"(" * 90_000,
        "many objects": STATE_OPENS + b"0" + STATE_OPENS[2:] * 3000 + b".",
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"\x80\x02Pabc\n.",
        "two states": STATE_OPENS + b"}b}b.",
        "system": pickle.dumps(__import__("os").system),
        "sparse fields": forged({"format": 1}),
        "format of text": forged(state(format="1" * 100_000)),
        "exp_key of a list": forged(state(exp_key=[[1] * 1000] * 100)),
        "trials is a number": forged(state(trials=10**9)),
        "trials is text": forged(state(trials="x")),
        "scan is a list": forged(state(scan=[1])),
        "max_evals is text": with_scan(max_evals="abc"),
        "max_evals is true": with_scan(max_evals=True),
        "runcard is a number": with_scan(runcard=5),
        "seed is text": with_scan(seed="1"),
        "seed is negative": with_scan(seed=-1),
        "algo is a list": with_scan(algo=["tpe"]),
        "fingerprint is a list": with_scan(fingerprint=[1]),
        "fingerprint of numbers": with_scan(fingerprint={"replicas": 1}),
        "replicas is text": with_scan(fingerprint={"replicas": "many"}),
        "replicas without end": with_scan(fingerprint={"replicas": "9" * 5000}),
        "replicas of another script": with_scan(fingerprint={"replicas": "²"}),
        "rstate of the wrong kind": forged(state(rstate={"bit_generator": "seed"})),
        "rstate without words": forged(state(rstate={"bit_generator": "MT19937", "state": {}})),
        "rstate that points outside": forged(
            state(
                rstate={
                    "bit_generator": "MT19937",
                    "state": {"key": [1] * 624, "pos": 10**6},
                }
            )
        ),
        "rstate that is too short": forged(
            state(rstate={"bit_generator": "MT19937", "state": {"key": [1], "pos": 1}})
        ),
        "rstate of huge numbers": forged(
            state(
                rstate={
                    "bit_generator": "PCG64",
                    "state": {"state": 2**2000, "inc": -1},
                    "has_uint32": 0,
                    "uinteger": 0,
                }
            )
        ),
        "space that doubles": forged(state(space=space_bomb(60))),
        "space that is deep": forged(state(space=space_bomb(60).replace("[0, 0]", "[0]"))),
        "space of powers": with_space(
            [
                {"literal": 9},
                *(
                    {"name": "pow", "args": [0, n], "named": [], "o_len": None, "pure": True}
                    for n in range(5)
                ),
            ]
        ),
        "space of another form": with_space({"a": 1}),
        "attached array of nothing": forged(
            state(attachments={"x": ("array", b"\x93NUMPY\x01\x00v\x00" + NPY.ljust(117) + b"\n")})
        ),
        "attached list": forged(state(attachments={"x": [1]})),
        "space of nothing": forged(state(space="[]")),
        "space of brackets": forged(state(space="[" * 100_000)),
        "space of code": forged(state(space='[{"name": "call", "args": [], "named": []}]')),
        "trial twice": forged(state(trials=b",\n".join([json.dumps(RECORDS[0]).encode()] * 2))),
        "trial of a negative number": with_record(tid=-1, misc={**RECORDS[0]["misc"], "tid": -1}),
        "trial without result": with_record(result=[1]),
        "trial with a failure of text": with_record(result={"failure": "x" * 100_000}),
        "values that are no lists": with_record(
            misc={**RECORDS[0]["misc"], "vals": {"x" * 10_000: {"a": 1}}}
        ),
        "values beyond a float": with_record(
            misc={**RECORDS[0]["misc"], "vals": {"epochs": [10**400]}}
        ),
        "trial of brackets": forged(state(trials=b"[" * 200_000)),
        "trial of empty lists": forged(state(trials=b'{"tid": [' + b"[]," * 500_000 + b"[]]}")),
        "number of 5000 digits": forged(state(trials=b'{"tid": ' + b"9" * 5000 + b"}")),
        "time that is none": with_record(book_time="x" * 100_000),
        "terminal": forged(state(version="\x1b[2J\x1b]0;x\x07", format="\x1b[31m")),
    }


# ------------------------------------------------------------ YAML
def aliases(levels: int, opens: str = "[", closes: str = "]") -> str:
    lines = ["a0: &a0 {k: 1}"]
    for level in range(1, levels):
        inner = ", ".join([f"*a{level - 1}"] * 10)
        lines.append(f"a{level}: &a{level} {opens}{inner}{closes}")
    return "\n".join(lines) + "\n"


@cache
def runcards() -> dict[str, bytes]:
    text = QUICKSTART.decode()
    return {
        "merge keys": (aliases(9, "{<<: [", "]}") + text).encode(),
        "one merge key in the other": (
            "m0: &m0 {a0: 1}\n"
            + "".join(
                f"m{i}: &m{i} {{<<: [*m{i - 1}, *m{i - 1}], a{i}: 1}}\n" for i in range(1, 40)
            )
            + text
        ).encode(),
        "aliases": (aliases(9) + text).encode(),
        "aliases for keys": (aliases(8).replace("a7:", "? *a6\n:") + text).encode(),
        "an alias of itself": b"dataset_inputs: &a [*a]\n" + text.encode(),
        "a merge of itself": b"dataset_inputs: &a {<<: *a}\n",
        "hexadecimal digits": text.replace("trvlseed: ", f"trvlseed: 0x{'f' * 6000} #").encode(),
        "octal digits": text.replace("trvlseed: ", f"trvlseed: 0o{'7' * 6000} #").encode(),
        "digits": text.replace("trvlseed: ", f"trvlseed: {'9' * 6000} #").encode(),
        "digits with underscores": f"trvlseed: {'9_' * 6000}\n".encode(),
        "many layers": text.replace("n_layers: [", "n_layers: [1000000, ").encode(),
        "brackets": b"[" * 100_000,
        "braces": b"{" * 100_000,
        "braces with values": b"{a: " * 50_000,
        "dashes": b"- " * 100_000,
        "question marks": b"? " * 100_000,
        "anchors": b"".join(b"&a%d " % i for i in range(50_000)),
        "a list in a list": b"- " * 59 + b"[" * 59,
        "many values": b"a: [" + b"1," * 400_000 + b"1]",
        "many keys": b"".join(b"k%d: 1\n" % i for i in range(150_000)),
        "keys that collide": b"".join(b"%d: 1\n" % (i * (2**61 - 1)) for i in range(60_000)),
        "few keys that collide": b"".join(b"%d: 1\n" % (i * (2**61 - 1)) for i in range(4_000)),
        "a long key": b"x" * 500_000 + b": [" + b"1," * 20_000 + b"1]",
        "a long key of its own kind": b"? " + b"x" * 500_000 + b"\n: [" + b"1," * 20_000 + b"1]",
        "a long text": b"description: " + b"x" * 7_000_000,
        "quotes": b'a: "' + b"\\u0041" * 300_000 + b'"',
        "a quote without end": b'a: "' + b"x" * 1_000_000,
        "a comment": b"#" * 3_000_000,
        "comments": b"#\n" * 1_000_000,
        "blank lines": b"\n" * 3_000_000,
        "spaces": b" " * 3_000_000 + b"a: 1",
        "tabs": b"\t" * 300_000,
        "a literal": b"a: |\n" + b"  x\n" * 400_000,
        "documents": b"--- a\n" * 100_000,
        "directives": b"%TAG ! tag:x,2000:\n" * 50_000 + b"--- a",
        "tags": b"!!python/object/apply:os.system ['touch executed']",
        "a set": b"!!set {a, b}",
        "a binary": b"a: !!binary " + b"QUJD" * 100_000,
        "an ordered map": b"!!omap [" + b"a: 1," * 20_000 + b"]",
        "dates": b"a: 2020-13-45",
        "times": b"a: 9999-99-99T99:99:99.9999999999999999999999999Z",
        "floats": b"a: 1e" + b"9" * 100_000,
        "a number of one digit and points": b"a: " + b"1." * 100_000,
        "null bytes": b"\0" * 1000,
        "another encoding": text.encode("utf-16"),
        "rules that double": text.replace(
            "datacuts:", "datacuts:\n  added_filter_rules: [" + "{rule: x}, " * 1000 + "]", 1
        ).encode(),
        "a rule of brackets": text.replace(
            "datacuts:",
            "datacuts:\n  added_filter_rules: [{dataset: x, rule: '" + "(" * 999 + "'}]",
            1,
        ).encode(),
        "a rule of powers": text.replace(
            "datacuts:",
            "datacuts:\n  added_filter_rules:\n  - {dataset: NMC_NC_NOTFIXED_P_EM-SIGMARED, "
            "rule: 'Q2 > 9**9**9**9**9'}",
            1,
        ).encode(),
        "many data sets": text.replace(
            "dataset_inputs:", "dataset_inputs: [" + "{dataset: X}, " * 20_000 + "]\nx:", 1
        ).encode(),
        "a name of 100,000 characters": text.replace("NMC_NC_", "N" * 100_000, 1).encode(),
        "terminal": b'"\\e[2J\\e]0;x\\a": 1',
    }


# ------------------------------------------------------------ tries.json
def changed(**changes: Any) -> bytes:
    records = json.loads(json.dumps(RECORDS))
    records[0].update(changes)
    return json.dumps(records).encode()


def with_setup(setup: Any) -> bytes:
    records = json.loads(json.dumps(RECORDS))
    for record in records:
        record["misc"]["space_vals"] = setup
    return json.dumps(records).encode()


@cache
def tries() -> dict[str, bytes]:
    whole = json.dumps(RECORDS).encode()
    names = ["", " ", "=cmd|'/C calc'!A0", "@x", "a\tb", "$x$", "é" * 500, "__class__", "a.b"]
    return {
        "empty keys": with_setup({"": 1.0, "optimizer": {"": 1}, "positivity": {"": {"": 2}}}),
        "keys of all kinds": with_setup(dict.fromkeys(names, 1.0)),
        "formulas": with_setup({"a": "=1+1", "b": ["=1", 2], "nodes_per_layer": ["-1", "@2"]}),
        "the same trial twice": json.dumps(RECORDS + RECORDS).encode(),
        "brackets": b"[" * 1_000_000,
        "pairs of brackets": b"[[" * 500_000 + b"]]" * 10,
        "brackets behind keys": b'[{"a": [[' * 200_000,
        "empty lists": b"[" + b"[]," * 1_000_000 + b"[]]",
        "empty lists in a result": b'[{"tid": 0, "result": {"x": [' + b"{}," * 500_000 + b"0]}}]",
        "numbers": b"[" + b"1.5," * 1_000_000 + b"1]",
        "a number of a million digits": b"[" + b"9" * 1_000_000 + b"]",
        "a number beyond a float": changed(tid=10**400),
        "a loss beyond a float": changed(result={"status": "ok", "loss": 10**400}),
        "places that are not ours": changed(
            result={
                "status": "ok",
                "loss": 1.0,
                "kfold_meta": dict.fromkeys(
                    ("hyper_losses_chi2", "hyper_losses_phi2"), "@0123456789abcdef:0:99999999"
                ),
            }
        ),
        "a text without end": b'["' + b"x" * 3_000_000,
        "escapes": b'["' + b"\\u0041" * 500_000 + b'"]',
        "surrogates": changed(owner="\ud800"),
        "cut off": whole[: len(whole) // 2],
        "null bytes": b"\0" * 100_000,
        "spaces": b" " * 3_000_000,
        "nested results": changed(result=json.loads('{"a":' * 90 + "1" + "}" * 90), state=2),
    }


# ------------------------------------------------------------ archives and BSON
def document(**values: Any) -> bytes:
    return bson.encode({"_id": "key/0", **values})


def nested_document(levels: int) -> bytes:
    size = 5 + 8 * levels
    heads = (struct.pack("<i", size - 8 * level) + b"\x03a\0" for level in range(levels))
    return b"".join(heads) + b"\x05\0\0\0\0" + b"\0" * levels


def wide_document(entries: int) -> bytes:
    inner = b"\x03\0\x05\0\0\0\0" * entries
    array = struct.pack("<i", len(inner) + 5) + inner + b"\0"
    body = b"\x02_id\0\x02\0\0\0a\0" + b"\x04x\0" + array
    return struct.pack("<i", len(body) + 5) + body + b"\0"


@cache
def dumps() -> dict[str, bytes]:
    return {
        "nothing but a length": b"\x05",
        "a length without end": struct.pack("<i", 2**31 - 1) + b"x" * 100,
        "a negative length": struct.pack("<i", -5) + b"x" * 100,
        "a length of zero": b"\0" * 100,
        "nested": nested_document(500_000),
        "nested a little": nested_document(500),
        "wide": wide_document(1_000_000),
        "no name": bson.encode({"a": 1}),
        "a name that is a number": bson.encode({"_id": 1}),
        "an unknown type": b"\x0c\0\0\0\x55a\0\0\0\0\0\0",
        "text that is no UTF-8": b"\x10\0\0\0\x02a\0\x02\0\0\0\xff\0\0\0\0",
    }


def tar(*members: tuple[str, bytes], pax: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    layout = tarfile.PAX_FORMAT if pax else tarfile.GNU_FORMAT
    with tarfile.open(fileobj=buffer, mode="w", format=layout, pax_headers=pax or {}) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info.tobuf() + b"\0" * 1024


def greedy_xz(content: bytes) -> bytes:
    """An xz file whose header asks for a dictionary of a gigabyte; packing one would take it."""
    packed = bytearray(lzma.compress(content, preset=0))
    size = 4 * (packed[12] + 1)
    place = packed.index(b"\x21\x01", 12) + 2
    packed[place] = 36
    sum_at = 12 + size - 4
    packed[sum_at : sum_at + 4] = struct.pack("<I", zlib.crc32(packed[12:sum_at]))
    return bytes(packed)


@cache
def archives() -> dict[str, bytes]:
    good = tar(("db/jobs.bson", document()))
    long_xz = lzma.compress(good + b"\0" * 10**6)
    many = {f"k{number}": "v" for number in range(20_000)}
    sparse = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": "99999999999",
        "GNU.sparse.name": "db/jobs.bson",
    }
    return {
        "pax headers": tar(("db/jobs.bson", b""), pax=many),
        "pax headers, compressed": gzip.compress(tar(("db/jobs.bson", b""), pax=many), 1),
        "a long name, compressed": gzip.compress(tar(("a" * 2_000_000, b"")), 1),
        "zeros, compressed": gzip.compress(tar(("db/jobs.bson", b"\0" * 24_000_000)), 1),
        "zeros alone, compressed": gzip.compress(b"\0" * 24_000_000, 1),
        "zeros by bzip2": bz2.compress(tar(("db/jobs.bson", b"\0" * 24_000_000))),
        "zeros by xz": lzma.compress(tar(("db/jobs.bson", b"\0" * 24_000_000)), preset=0),
        "many members": gzip.compress(b"".join(header(f"db/{i}")[:512] for i in range(20_000)), 1),
        "broken xz": long_xz[:60] + b"\xff" * 20 + long_xz[80:],
        "torn xz": long_xz[:-40],
        "half an xz": long_xz[: len(long_xz) // 2],
        "head of an xz": long_xz[:7],
        "torn gzip": gzip.compress(good)[:-9],
        "wrong sum of gzip": gzip.compress(good)[:-8] + b"\0" * 8,
        "torn bzip2": bz2.compress(good)[:-9],
        "an xz that wants a gigabyte": greedy_xz(good),
        "a size without end": header("db/jobs.bson", size=2**40)[:512],
        "a link": header("db/x", tarfile.SYMTYPE, link="/etc"),
        "a hard link": header("db/x", tarfile.LNKTYPE, link="/etc/passwd"),
        "a device": header("db/x", tarfile.CHRTYPE),
        "a sparse file": header("db/x", tarfile.GNUTYPE_SPARSE),
        "a sparse file by pax": tar(("db/jobs.bson", b"1\n0\n5\n" + b"\0" * 600), pax=sparse),
        "a size by pax": tar(("db/jobs.bson", b"x"), pax={"size": "99999999999"}),
        "a negative size by pax": tar(("db/jobs.bson", b"x"), pax={"size": "-5"}),
        "an unknown type": header("db/x", b"?"),
        "outside": tar(("db/../../x", b"")),
        "from the root": tar(("/etc/x", b"")),
        "two folders": tar(("db/jobs.bson", document()), ("other/x", b"")),
        "a folder alone": header("db", tarfile.DIRTYPE),
        "a file of no folder": tar(("jobs.bson", document())),
        "a file for a folder": tar(("db", b"x"), ("db/jobs.bson", document())),
        "no documents": tar(("db/other.bson", b"")),
        "nothing": b"",
        "text": b"no archive",
        **{f"BSON: {name}": tar(("db/jobs.bson", content)) for name, content in dumps().items()},
    }


# ------------------------------------------------------------ grids, tables, cards
def grid(x: str = "1e-3 0.01 0.1 1", q: str = "1.65 100", pids: str = "21", n: int = 8) -> bytes:
    return f"Format: lhagrid1\n---\n{x}\n{q}\n{pids}\n{'1.0 ' * n}\n---\n".encode()


@cache
def grids() -> dict[str, bytes]:
    return {
        "no grid": b"Format: lhagrid1\n---\n",
        "empty": b"",
        "no text": b"\xff\xfe lhagrid1",
        "not a number": grid(x="nan 0.01 0.1 1"),
        "negative": grid(x="-1 0.01 0.1 1"),
        "falling": grid(x="1 0.1 0.01 0.001"),
        "infinite": grid(q="1 inf"),
        "many partons": grid(pids="21 " * 1_000_000),
        "huge partons": grid(pids="9" * 50),
        "many knots": grid(x=" ".join(map(str, range(1, 300_000)))),
        "a product of knots": grid(
            x=" ".join(map(str, range(1, 1900))), q=" ".join(map(str, range(1, 1900)))
        ),
        "many numbers": grid(n=2_000_000),
        "too few numbers": grid(n=3),
        "many grids": b"Format: lhagrid1\n" + b"---\nx" * 200_000,
        "large": b"Format: lhagrid1\n---\n" + b"1 " * 9_000_000,
    }


@cache
def cfactors() -> dict[str, bytes]:
    stars = b"*" * 10 + b"\n"
    return {
        "empty": b"",
        "no stars": b"1.0 0.0\n" * 1000,
        "no numbers": stars * 2 + b"x y\n",
        "not finite": stars * 2 + b"nan 0\n1e999 0\n",
        "no text": stars * 2 + b"\xff\xff\n",
        "large": stars * 2 + b"1\n" * 3_000_000,
    }


@cache
def cards() -> dict[str, bytes]:
    return {
        **{
            name: content
            for name, content in runcards().items()
            if name in ("aliases", "merge keys", "many values", "brackets", "a comment", "dates")
        },
        "no numbers": b"PTO: [1]\nQ0: {a: 1}\n",
        "infinite": b"PTO: .inf\nQ0: 1.65\n",
        "digits": b"PTO: " + b"9" * 6000 + b"\nQ0: 1.65\n",
        "hexadecimal": b"PTO: 0x" + b"f" * 6000 + b"\nQ0: 0x" + b"f" * 6000 + b"\n",
    }


KINDS = {
    "pickle": pickles,
    "runcard": runcards,
    "tries": tries,
    "archive": archives,
    "grid": grids,
    "cfactor": cfactors,
    "card": cards,
}
