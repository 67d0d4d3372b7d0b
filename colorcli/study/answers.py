"""Read what participants exported, and the key of their study."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorcli.errors import ColorcliError, MediaError, UsageError
from colorcli.study.build import KEY, VERSION

#: Answers are some kilobytes; what is larger than this is something else, and is not read.
LARGEST = 16 * 2**20


@dataclass(frozen=True, kw_only=True)
class Key:
    """What was real.

    Attributes:
        study: identity of the study.
        scene: picture -> name of its scene.
        real: picture -> whether it is the true photo.
    """

    study: str
    scene: Mapping[str, str]
    real: Mapping[str, bool]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One participant's.

    Attributes:
        source: the file.
        study: identity of the study.
        participant: a name, or random digits.
        real: picture -> whether the participant took it for real.
    """

    source: Path
    study: str
    participant: str
    real: Mapping[str, bool]


def _json(path: Path) -> Any:
    if path.stat().st_size > LARGEST:
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):  # no UTF-8 or no JSON
        return None
    return found if isinstance(found, dict) and "colorcli-study" in found else None


def read_answers(path: Path) -> Answers:
    """Read one participant's file.

    Raises:
        MediaError: it cannot be read; it is something else; a picture is judged twice.
    """
    try:
        found = _json(path)
    except OSError as error:
        raise MediaError(f"{path}: {(error.strerror or str(error)).lower()}", hint="check the path") from error
    foreign = MediaError(f"{path}: not the answers of a study", hint="take the file that the study's page saves")
    if found is None:
        raise foreign
    if "scenes" in found:
        raise MediaError(f"{path}: the key of a study, not answers", hint="name it with --key")
    _check_version(path, found)
    study, participant, rows = (found.get(name) for name in ("study", "participant", "answers"))
    if not isinstance(study, str) or not isinstance(participant, str) or not isinstance(rows, list):
        raise foreign
    judged: dict[str, bool] = {}
    for row in rows:
        if (
            not isinstance(row, dict)
            or not isinstance(row.get("picture"), str)
            or not isinstance(row.get("real"), bool)
        ):
            raise foreign
        if row["picture"] in judged:
            raise MediaError(f"{path}: picture {row['picture']} is judged twice", hint="take the file as it was saved")
        judged[row["picture"]] = row["real"]
    return Answers(source=path, study=study, participant=participant, real=judged)


def read_key(path: Path) -> Key:
    """Read the key that ``study build`` wrote.

    Raises:
        MediaError: it cannot be read, or it is something else.
    """
    try:
        found = _json(path)
    except OSError as error:
        raise MediaError(f"{path}: {(error.strerror or str(error)).lower()}", hint="check the path") from error
    foreign = MediaError(f"{path}: not the key of a study", hint=f"`colorcli study build` writes it as {KEY}")
    if found is None or not isinstance(found.get("study"), str) or not isinstance(found.get("scenes"), list):
        raise foreign
    _check_version(path, found)
    scene: dict[str, str] = {}
    real: dict[str, bool] = {}
    for row in found["scenes"]:
        if not isinstance(row, dict) or not all(isinstance(row.get(k), str) for k in ("scene", "real", "colorized")):
            raise foreign
        for kind in ("real", "colorized"):
            scene[row[kind]] = row["scene"]
            real[row[kind]] = kind == "real"
    return Key(study=found["study"], scene=scene, real=real)


def _check_version(path: Path, found: Mapping[str, Any]) -> None:
    if found["colorcli-study"] != VERSION:
        raise MediaError(f"{path}: written by another version of colorcli", hint=f"this one reads form {VERSION}")


def find_key(study: str, folders: Iterable[Path]) -> Key:
    """Return the key of ``study`` that lies in one of the folders, or in a folder just below one.

    Raises:
        UsageError: there is none.
    """
    for folder in folders:
        for path in [folder / KEY, *sorted(folder.glob(f"*/{KEY}"))]:
            try:
                key = read_key(path)
            except MediaError:
                continue  # another program's key.json
            if key.study == study:
                return key
    raise UsageError(f"no key of study {study} here or beside the answers", hint=f"name it: --key study/{KEY}")


def gather(paths: Sequence[Path], key: Key | None = None) -> tuple[Key, list[Answers], list[ColorcliError], list[str]]:
    """Read the answers of one study; what cannot be used is told, the others are kept.

    Two files of one participant are taken as one if they agree wherever both judge: someone saved twice.

    Args:
        paths: the participants' files.
        key: of the study; without it, it is looked for beside the answers and in the working folder.

    Returns:
        The key, the answers in order, an error for each file that cannot be used, a note for each saved twice.

    Raises:
        UsageError: no key is found.
        ColorcliError: no file can be used: the first one's error.
    """
    read: list[Answers] = []
    errors: list[ColorcliError] = []
    for path in paths:
        try:
            read.append(read_answers(path))
        except MediaError as error:
            errors.append(error)
    if key is None:
        if not read:
            raise errors[0]
        key = find_key(read[0].study, [*dict.fromkeys(answers.source.parent for answers in read), Path()])
    by_person: dict[str, Answers] = {}
    notes: list[str] = []
    for answers in read:
        try:
            _check(answers, key)
            before = by_person.get(answers.participant)
            if before is not None:
                answers = _same(before, answers)
                notes.append(f"{answers.source}: {answers.participant} saved more than once, counted once")
            by_person[answers.participant] = answers
        except MediaError as error:
            errors.append(error)
    if not by_person:
        raise errors[0]
    return key, list(by_person.values()), errors, notes


def _check(answers: Answers, key: Key) -> None:
    if answers.study != key.study:
        message = f"{answers.source}: answers to study {answers.study}, not to {key.study}"
        raise MediaError(message, hint="score each study by itself, with its own --key")
    strange = [picture for picture in answers.real if picture not in key.real]
    if strange:
        raise MediaError(f"{answers.source}: picture {strange[0]} is not in the study", hint="was the file changed?")
    if not answers.real:
        raise MediaError(f"{answers.source}: no picture is judged", hint="leave it out")


def _same(before: Answers, after: Answers) -> Answers:
    """Return the longer of two files of one participant."""
    if any(after.real.get(picture, real) != real for picture, real in before.real.items()):
        message = f"{after.source}: {after.participant} answers otherwise than in {before.source}"
        raise MediaError(message, hint="keep one of the two files, or give the participants different names")
    return after if len(after.real) >= len(before.real) else before
