"""The checks that all calls share: keywords, types, and the order of the program."""

import json
import re

# What has been called, in order.
CALLED = []


def refuse(place, expected, got):
    raise TypeError(f"{place}: expected {expected}, got {got!r}")


def called(name, after, arguments):
    """Prints a call. It must come after another one."""
    if after is not None and after not in CALLED:
        raise RuntimeError(f"{name}: expected a call of {after} before")
    CALLED.append(name)
    print(json.dumps({"call": name, "keywords": list(arguments), "arguments": plain(arguments)}))


def plain(value):
    """Returns a value as JSON has it."""
    if isinstance(value, dict):
        return {key: plain(element) for key, element in value.items()}
    if isinstance(value, list):
        return [plain(element) for element in value]
    return value.to_json() if hasattr(value, "to_json") else value


def checked(call, positional, given, required, optional):
    """Checks the keyword arguments of a call: each has the type that its name has in `required` or `optional`."""
    if positional:
        refuse(call, "keyword arguments only", positional)
    for name, value in given.items():
        check = required.get(name) or optional.get(name)
        if check is None:
            refuse(call, f"one of {', '.join([*required, *optional])}", name)
        check(f"{call}: {name}", value)
    for name in required:
        if name not in given:
            refuse(call, f"the argument {name}", list(given))


def text(place, value):
    # A text is one of the platform's: it is not empty.
    if type(value) is not str or not value:
        refuse(place, "a string", value)


def flag(place, value):
    if type(value) is not bool:
        refuse(place, "a boolean", value)


def number(least):
    def check(place, value):
        if type(value) is not int or value < least:
            refuse(place, f"an integer from {least}", value)

    return check


def one_of(*values):
    def check(place, value):
        if value not in values:
            refuse(place, f"one of {values}", value)

    return check


def texts(place, value):
    listed(text)(place, value)


def listed(check):
    def check_all(place, value):
        if type(value) is not list:
            refuse(place, "a list", value)
        for index, element in enumerate(value):
            check(f"{place}[{index}]", element)

    return check_all


def exactly(**members):
    """An object with these members and no others."""

    def check(place, value):
        if type(value) is not dict or set(value) != set(members):
            refuse(place, f"an object of {', '.join(members)}", value)
        for name, of_member in members.items():
            of_member(f"{place}: {name}", value[name])

    return check


def variable(place, value):
    if type(value) is not str or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        refuse(place, "the name of a variable", value)
