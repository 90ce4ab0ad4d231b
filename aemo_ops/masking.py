"""Secrets in the words of other programs, masked by their form: one rule for every page, log, journal, report and message.

What a secret is cannot be known, only what one looks like: the value of a name such as PASSWORD or --api-key, what stands
before the @ of an address, the keys of well-known services, and long words that look drawn by lot. Paths, names of files,
numbers, dates and digests stay, so that a person still sees which program it was.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

MASK = "***"

_NAME = r"[A-Za-z][\w.-]{0,60}"  # bounded: a text of one long word takes no longer than any other
# Names whose value is secret: one of these is among the words of the name, or the name ends in one of the others.
_SECRET_WORD = re.compile(
    r"key|apikey|accesskey|token|secret|secrets|password|passwd|passphrase|pass|pwd|pw|pin|credential|"
    r"credentials|creds|auth|authorization|bearer|sig|signature|cookie|webhook|dsn|jwt|oauth|otp|sid|"
    r"apitoken|userpwd"
)
_SECRET_ENDS = ("password", "passwd", "secret", "token", "apikey", "passphrase", "credentials")
# ... unless it is the name of where one is kept.
_PLACE = re.compile(r"file|path|dir|folder|name|type|exit|status|error|return")
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")

_QUOTE = re.compile(r"(?<!\w)[\"']|[\"'](?!\w)")  # and no apostrophe within a word
_LOOKED_BACK = 2000  # characters of a line, for the quote that it is within
_NAMED = re.compile(rf"-{{0,2}}{_NAME}")
_SHELL_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>)\]},])+"""
_ASSIGNED = re.compile(
    rf"(?P<before>(?<![\w.])(?P<dashes>-{{0,2}})(?P<name>{_NAME})\s?=\s?)(?!\*\*\*)(?P<value>{_SHELL_VALUE})"
)
_QUOTED_OPTION = re.compile(rf"(?P<before>(?P<quote>[\"'])--?(?P<name>{_NAME})=)(?P<value>(?:(?!(?P=quote)).)*)")
_CODE = re.compile(r"(?P<before>[?&]code=)[^\s&\"']+")  # a key, in the address of a cloud's function
_QUOTED_PAIR = re.compile(
    rf"(?P<before>(?P<quote>[\"'])(?P<name>{_NAME})(?P=quote)\s*:\s*)(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
)
_HEADER = re.compile(
    r"(?i)(?P<before>\b(?:proxy-)?authorization\s*[:=]\s*|\b(?:set-)?cookie\s*:\s*)(?P<value>[^\s\"'*][^\"'\n]*)"
)
_SPOKEN = re.compile(
    r"(?i)(?P<before>\b[\w-]{0,40}(?:password|passwd|passphrase|secret|token|api[-_ ]?key|access[-_]key)\s*:\s+)"
    rf"(?P<value>{_SHELL_VALUE})"
)
_OPTION = re.compile(rf"(?P<before>(?<![\w-])(?P<name>--?{_NAME})\s+)(?P<value>(?!-){_SHELL_VALUE})")
_USER_INFO = re.compile(
    r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]{0,20}://)(?!git@)(?:[^\s/@\"']*:(?!\d+/)[^\s@\"']*|[^\s/\"'?#]*)@"
)
_USER_WITHOUT_SCHEME = re.compile(r"(?<![\w/:.-])[\w.+%-]{1,80}:[^\s@/:\"']+@(?=[\w-]+\.[\w.-]+|localhost\b)")
_BEARER = re.compile(r"(?i)\b(?P<before>bearer\s+|basic\s+(?=\S*[\d=+/]))(?P<value>[\w.~+/=-]{6,})")
_KNOWN = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}\b|\b(?:AC|SK)[0-9a-f]{32}\b|\bAIza[\w-]{30,}"
    r"|\b(?:sk|pk|rk)[-_](?:live|test|proj|ant)[-_][\w-]{8,}|\bsk-[A-Za-z0-9]{16,}"
    r"|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bglpat-[\w-]{16,}|\bxox[abeprs]-[\w-]{8,}|\bSG\.[\w-]{10,}\.[\w-]{10,}"
    r"|\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"
)
_LONG = re.compile(r"(?P<lead>^|[\s\"'=:,;(\[?&/])(?P<word>[A-Za-z0-9+_-][A-Za-z0-9+_/.-]{19,}={0,2})")
_URL_STEP = re.compile(r"(?<=/)[A-Za-z0-9_-]{20,}(?=[/?#\s\"']|$)")
_ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s\"'<>]+")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PIECE = re.compile(r"[A-Za-z0-9]{20,}")
_TURN = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
# Turns between small letters, capitals and digits: more of them, and closer together, than a name made by a person has.
_TURNS, _TURNS_A_LETTER = 5, 0.25
# Programs whose -p is no password: a port, parents, permissions.
_HARMLESS_P = re.compile(
    r"(?:^|[\s/;&|])(?:cp|mkdir|ssh|scp|rsync|tar|nc|docker|podman|install|ps|lsof)\s+(?:\S+\s+)*$"
)


@lru_cache(4096)
def masked(text: str) -> str:
    """The text with every secret in it masked. What is masked already stays as it is."""
    text = _KNOWN.sub(MASK, text)
    text = _USER_INFO.sub(rf"\g<before>{MASK}@", text)
    text = _USER_WITHOUT_SCHEME.sub(f"{MASK}@", text)
    text = _HEADER.sub(rf"\g<before>{MASK}", text)
    text = _BEARER.sub(rf"\g<before>{MASK}", text)
    text = _QUOTED_PAIR.sub(_pair, text)
    text = _CODE.sub(rf"\g<before>{MASK}", text)
    text = _QUOTED_OPTION.sub(_assignment, text)
    text = _ASSIGNED.sub(_assignment, text)
    text = _SPOKEN.sub(rf"\g<before>{MASK}", text)
    text = _OPTION.sub(_option, text)
    text = _ADDRESS.sub(lambda found: _URL_STEP.sub(_step, found[0]), text)
    return _LONG.sub(_long, text)


def masked_words(command: Sequence[str]) -> tuple[str, ...]:
    """A command line's words, each with its secrets masked: those that an option before it announces, too."""
    found: list[str] = []
    before = ""
    for word in command:
        option, sign, _ = word.partition("=")
        if _announces(before, word, found):
            found.append(_announced(before, word))
        elif sign and _NAMED.fullmatch(option) and _secret(option) and (option.startswith("-") or before != "-c"):
            found.append(f"{option}={MASK}")
        elif _DIGEST.fullmatch(word):
            found.append(MASK)
        else:
            found.append(masked(word))
        before = word
    return tuple(found)


def masked_command(command: Sequence[str]) -> str:
    """A command line as a person would type it, its secrets masked."""
    return " ".join(_quoted(word) for word in masked_words(command))


def _quoted(word: str) -> str:
    """As the shell wants it; the mask alone is no reason for quotes."""
    plain = word.replace(MASK, "x")
    return word if shlex.quote(plain) == plain else shlex.quote(word)


def masked_facts(facts: Any) -> Any:
    """What JSON can hold, with every text in it masked, and every `command` as a command line is; keys stay."""
    if isinstance(facts, str):
        return masked(facts)
    if isinstance(facts, Mapping):
        return {
            key: list(masked_words(value))
            if key == "command" and isinstance(value, list | tuple)
            else masked_facts(value)
            for key, value in facts.items()
        }
    if isinstance(facts, list | tuple):
        return [masked_facts(one) for one in facts]
    return facts


def _secret(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or _PLACE.fullmatch(words[-1]):
        return False
    return any(map(_SECRET_WORD.fullmatch, words)) or words[-1].endswith(_SECRET_ENDS)


def _assignment(found: re.Match[str]) -> str:
    value, quote, rest = _to_the_quote(found)
    if _secret(found["name"]):
        return found["before"] + MASK + quote + _ASSIGNED.sub(_assignment, rest)
    return found["before"] + _ASSIGNED.sub(_assignment, value) + quote + _ASSIGNED.sub(_assignment, rest)


def _pair(found: re.Match[str]) -> str:
    quote = found["value"][0]
    return f"{found['before']}{quote}{MASK}{quote}" if _secret(found["name"]) else found[0]


def _option(found: re.Match[str]) -> str:
    words = found.string[max(0, found.start() - 120) : found.start()]
    value, quote, rest = _to_the_quote(found)
    if _announces(found["name"], value, [words]):
        return found["before"] + _announced(found["name"], value) + quote + _OPTION.sub(_option, rest)
    return found["before"] + _OPTION.sub(_option, value) + quote + _OPTION.sub(_option, rest)


def _to_the_quote(found: re.Match[str]) -> tuple[str, str, str]:
    """A value within quotes ends where they do, as in `bash -c 'TOKEN=x run' --name 'y'`: it, its quote, and the rest."""
    value, quote = found["value"], ""
    begin = max(found.string.rfind("\n", 0, found.start()) + 1, found.start() - _LOOKED_BACK)
    for one in _QUOTE.findall(found.string[begin : found.start("value")]):
        quote = "" if one == quote else quote or one
    at = value.find(quote, 1) if quote and not value.startswith(quote) else -1
    within, closed, _ = value[at + 1 :].partition(quote) if at >= 0 else ("", "", "")
    if at < 0 or (closed and within and not re.search(r"\s", within)):  # a'b' is one word to a shell, and one value
        return value, "", ""
    return value[:at], quote, value[at + 1 :]


def _announces(option: str, value: str, words: Sequence[str]) -> bool:
    """Whether an option says that the word after it is a secret, or a user's name with one."""
    if not option.startswith("-") or value.startswith("-"):
        return False
    if option == "-p":
        return not (value.isdigit() or value.startswith(("/", "~", ".")) or _HARMLESS_P.search(" ".join(words[:-1]) + " ")
                    or _HARMLESS_P.search(" ".join(words) + " "))  # fmt: skip
    if option in ("-u", "--user"):
        return ":" in value
    return option.startswith("--") and "=" not in option and _secret(option)


def _announced(option: str, value: str) -> str:
    return f"{value.partition(':')[0]}:{MASK}" if option in ("-u", "--user") else MASK


def _step(found: re.Match[str]) -> str:
    return MASK if _drawn_by_lot(found[0]) else found[0]


def _long(found: re.Match[str]) -> str:
    word = found["word"]
    if _DIGEST.fullmatch(word):
        return found[0]
    if "/" in word:  # a path, unless it is as long and as mixed as the keys of one service are
        return f"{found['lead']}{MASK}" if _mixed(word) and found["lead"] != "/" else found[0]
    if found["lead"] == "/":
        return found[0]
    return f"{found['lead']}{MASK}" if _drawn_by_lot(word) else found[0]


def _mixed(word: str) -> bool:
    return (
        bool(re.fullmatch(r"[A-Za-z0-9+/]{40}", word))
        and len(_TURN.findall(word)) >= _TURNS
        and any(map(str.isdigit, word))
    )


def _drawn_by_lot(word: str) -> bool:
    """Letters and digits, one after the other without an order, over a length that no name has."""
    return any(
        any(map(str.isdigit, piece)) and len(_TURN.findall(piece)) >= max(_TURNS, _TURNS_A_LETTER * len(piece))
        for piece in _PIECE.findall(word)
    )
