from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import films
import pytest
from bad_films import BAD

if TYPE_CHECKING:
    from conftest import Invoke

pytestmark = pytest.mark.usefixtures("tiny_by_default")


def test_the_table_is_long_enough() -> None:
    assert len(BAD) >= 20


@pytest.mark.parametrize("name", BAD)
def test_what_can_be_saved_is_saved_and_the_rest_is_told(invoke: Invoke, tmp_path: Path, name: str) -> None:
    case = BAD[name]
    source = case.make(tmp_path)
    out = tmp_path / "out.mkv"
    result = invoke("video", source, "-o", out)
    assert result.exit_code == case.code, result.stderr
    for words in case.says:
        assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    if case.code:
        assert not out.exists() and result.stdout == ""
        assert source.name in result.stderr  # which file it was
    else:
        count = len(films.decoded(out))
        assert count == case.frames if case.least is None else count >= case.least
        if not case.says:
            assert "warning" not in result.stderr
