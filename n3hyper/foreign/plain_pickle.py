"""Pickles of one object whose state is plain data, read without Python's unpickler.

Python's unpickler imports what a pickle names, and allocates what it says it is about to bring:
nine bytes can ask for gigabytes. Here the opcodes are those of `pickletools`, and only those are
understood that plain data need. Each list, tuple and dictionary stands in one place: values that
share their parts, a handful of bytes for more than fits any memory, are refused. So the result is a
tree that has no more parts than the pickle has opcodes.
"""

from __future__ import annotations

import os
import pickletools
from collections.abc import Callable
from typing import Any, BinaryIO, Final

from n3hyper.foreign.json_text import check_depth

MOST_OPCODES: Final = 100_000
"""A state with the largest of NumPy's generators has some 2,000."""
_LONGEST_LINE: Final = 1000
"""Characters of a name; numbers as text belong to pickles that are not read here."""
_MOST_BITS: Final = 4096
_LARGEST_KEY: Final = 2**31


class ForbiddenName(Exception):
    """The pickle names something that it may not hold."""


class BrokenPickle(Exception):
    """The bytes are not a whole pickle of one object with plain state."""


def load_state(file: BinaryIO, admitted: tuple[str, str]) -> Any:
    """Return the state of the object in a pickle; nothing is imported, made or run.

    Parameters
    ----------
    file
        A regular file, to its end.
    admitted
        Module and name of the class of the object.

    Returns
    -------
    None, bool, int, float, str, bytes, bytearray, list, tuple or dict
        Dictionaries have text, or numbers below 2^31, for keys.

    Raises
    ------
    ForbiddenName
        It names another class or function.
    BrokenPickle
        It is torn, something else, or too large.
    OSError
        The file cannot be read.
    """
    source = _Source(file)
    machine = _Machine(admitted)
    try:
        for number, (opcode, argument, _) in enumerate(pickletools.genops(source)):  # type: ignore[arg-type]
            if number >= MOST_OPCODES:
                raise BrokenPickle("too many values")
            machine.step(opcode.name, argument)
        state = machine.result()
        check_depth(state)
    # what reading the argument of an opcode raises, and what a stack without the operands does
    except (EOFError, ValueError, IndexError, KeyError, TypeError, OverflowError) as err:
        raise BrokenPickle(type(err).__name__) from err
    if source.left:
        raise BrokenPickle("bytes after its end")
    return state


class _Source:
    """A file for `pickletools`, which is never asked for more bytes than there are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        if size > self.left:
            raise EOFError
        self.left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(_LONGEST_LINE)
        self.left -= len(line)
        return line


class _Mark:
    """Begins the operands of an opcode on the stack."""


class _Class:
    """Stands for the class that is admitted."""


class _Object:
    """Stands for the object: takes its state, and does nothing."""

    def __init__(self) -> None:
        self.state: Any = None
        self.built = False


class _Machine:
    """The stack and the memo of a pickle."""

    def __init__(self, admitted: tuple[str, str]) -> None:
        self._admitted = admitted
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, argument: Any) -> None:
        """Do what an opcode says."""
        if name in _VALUES:
            if isinstance(argument, int) and argument.bit_length() > _MOST_BITS:
                raise BrokenPickle("an integer beyond all bounds")
            self._stack.append(argument)
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name]())
        elif name in _ACTIONS:
            _ACTIONS[name](self, argument)
        else:
            raise BrokenPickle(f"opcode {name}")

    def result(self) -> Any:
        """The state of the object, which is all that is left."""
        (found,) = self._stack
        if not isinstance(found, _Object) or not found.built:
            raise BrokenPickle("no object with a state")
        return found.state

    def _nothing(self, argument: Any) -> None:
        """Do nothing: for opcodes that say how the pickle is laid out, or that it ends."""

    def _pop(self) -> Any:
        value = self._stack.pop()
        if isinstance(value, _Mark):
            raise BrokenPickle("a mark without operands")
        return value

    def _operands(self) -> list[Any]:
        """Take what stands above the last mark off the stack."""
        place = len(self._stack) - 1
        while not isinstance(self._stack[place], _Mark):
            place -= 1
            if place < 0:
                raise BrokenPickle("operands without a mark")
        found = self._stack[place + 1 :]
        del self._stack[place:]
        return found

    def _value(self, value: Any) -> Any:
        """A part of the state, which is plain."""
        if isinstance(value, (_Mark, _Class, _Object)):
            raise BrokenPickle("an object inside the state")
        return value

    def _top(self, kind: type) -> Any:
        top = self._stack[-1]
        if type(top) is not kind:
            raise BrokenPickle(f"{kind.__name__} expected")
        return top

    def _extend(self, values: list[Any]) -> None:
        self._top(list).extend(self._value(value) for value in values)

    def _update(self, operands: list[Any]) -> None:
        target = self._top(dict)
        for key, value in zip(operands[::2], operands[1::2], strict=True):
            if not _may_be_hashed(key):
                raise BrokenPickle("a key that is neither text nor a number")
            target[key] = self._value(value)

    def _add_items(self, argument: Any) -> None:
        entries = self._entries()
        self._top(set).update(entries)

    def _frozenset(self, argument: Any) -> None:
        self._stack.append(frozenset(self._entries()))

    def _entries(self) -> list[Any]:
        """The operands, which are to be the entries of a set."""
        values = self._operands()
        if not all(_may_be_hashed(value) for value in values):
            raise BrokenPickle("an entry of a set that is neither text nor a number")
        return values

    def _append(self, argument: Any) -> None:
        self._extend([self._pop()])

    def _appends(self, argument: Any) -> None:
        self._extend(self._operands())

    def _set_item(self, argument: Any) -> None:
        value, key = self._pop(), self._pop()
        self._update([key, value])

    def _set_items(self, argument: Any) -> None:
        self._update(self._operands())

    def _tuple(self, argument: Any) -> None:
        self._stack.append(tuple(self._value(value) for value in self._operands()))

    def _tuple_of(self, size: int) -> None:
        values = [self._value(self._pop()) for _ in range(size)]
        self._stack.append(tuple(reversed(values)))

    def _memoize(self, argument: Any) -> None:
        # a dictionary: the place that a pickle names may be far beyond all others
        place = len(self._memo) if argument is None else argument
        self._memo[place] = self._stack[-1]

    def _get(self, place: int) -> None:
        value = self._memo[place]
        if isinstance(value, (list, dict, set, _Object, _Mark)) or (type(value) is tuple and value):
            raise BrokenPickle("a value in two places")
        self._stack.append(value)

    def _global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._admit(module, name)

    def _stack_global(self, argument: Any) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(module, str) or not isinstance(name, str):
            raise BrokenPickle("a name that is no text")
        self._admit(module, name)

    def _admit(self, module: str, name: str) -> None:
        if (module, name) != self._admitted:
            raise ForbiddenName(f"{module}.{name}")
        self._stack.append(_Class())

    def _new(self, argument: Any) -> None:
        arguments, made = self._pop(), self._pop()
        if not isinstance(made, _Class) or arguments != ():
            raise BrokenPickle("an object that is made of something")
        self._stack.append(_Object())

    def _build(self, argument: Any) -> None:
        state = self._value(self._pop())
        target = self._top(_Object)
        if target.built:
            raise BrokenPickle("two states")
        target.state, target.built = state, True

    def _persistent(self, argument: Any) -> None:
        raise ForbiddenName("a persistent object")


def _may_be_hashed(value: Any) -> bool:
    """Return whether a value may be a key or the entry of a set.

    Large numbers can be chosen such that a dictionary of them takes hours.
    """
    if type(value) is int:
        return 0 <= value < _LARGEST_KEY
    return value is None or type(value) in (str, bytes, bool)


_VALUES: Final = frozenset(
    (
        *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT"),
        *("SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
"""Opcodes whose argument is a value."""
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": set,
    "MARK": _Mark,
}
_ACTIONS: Final[dict[str, Callable[[_Machine, Any], None]]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), _Machine._nothing),
    **dict.fromkeys(("MEMOIZE", "BINPUT", "LONG_BINPUT"), _Machine._memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), _Machine._get),
    **dict.fromkeys(("NEWOBJ", "REDUCE"), _Machine._new),
    **dict.fromkeys(("PERSID", "BINPERSID"), _Machine._persistent),
    "APPEND": _Machine._append,
    "APPENDS": _Machine._appends,
    "SETITEM": _Machine._set_item,
    "SETITEMS": _Machine._set_items,
    "ADDITEMS": _Machine._add_items,
    "FROZENSET": _Machine._frozenset,
    "TUPLE": _Machine._tuple,
    "TUPLE1": lambda machine, _: machine._tuple_of(1),
    "TUPLE2": lambda machine, _: machine._tuple_of(2),
    "TUPLE3": lambda machine, _: machine._tuple_of(3),
    "GLOBAL": _Machine._global,
    "STACK_GLOBAL": _Machine._stack_global,
    "BUILD": _Machine._build,
}
