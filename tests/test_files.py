import json
import os

import pytest

from aezoo.files import write_folder, write_json, write_whole


def test_a_file_is_written_whole(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with write_whole(path) as draft:
        draft.write_text("all")
        assert draft.suffix == ".txt"
        assert not path.exists()
    assert path.read_text() == "all"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_what_was_there(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(error), write_whole(path) as draft:  # noqa: PT012 - what is written before is the point
        draft.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_writes_nothing_leaves_what_was_there(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), write_whole(path):
        pass
    assert path.read_text() == "old"


def test_json(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"b": [1, "é"], "a": None})
    assert json.loads(path.read_text(encoding="utf-8")) == {"b": [1, "é"], "a": None}
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert json.loads(path.read_text(encoding="utf-8"))["a"] is None


def test_a_folder_is_written_whole(tmp_path):
    path = tmp_path / "new" / "folder"
    for text in ("first", "second"):
        with write_folder(path) as draft:
            (draft / text).write_text(text)
            assert not (path / text).exists()
        assert [file.name for file in path.iterdir()] == [text]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_failure_leaves_the_folder_that_was_there(tmp_path, error):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(error), write_folder(path) as draft:  # noqa: PT012 - what is written before is the point
        (draft / "half").touch()
        raise error
    assert [file.name for file in path.rglob("*")] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_crash_left_behind_is_in_nobodys_way(tmp_path):
    path = tmp_path / "folder"
    for each in (path, tmp_path / ".folder.old"):
        each.mkdir()
        (each / "old").touch()
    with write_folder(path) as draft:
        (draft / "new").touch()
    assert [file.name for file in path.iterdir()] == ["new"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_end_between_two_renames_leaves_the_folder_that_was_there(tmp_path, monkeypatch, error):
    path, replace, calls = tmp_path / "folder", os.replace, []
    path.mkdir()
    (path / "old").touch()

    def second_fails(*paths):
        calls.append(paths)
        if len(calls) == 2:
            raise error
        replace(*paths)

    monkeypatch.setattr(os, "replace", second_fails)
    with pytest.raises(error), write_folder(path) as draft:
        (draft / "new").touch()
    assert [file.name for file in path.rglob("*")] == ["old"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_take_its_place_leaves_the_old_one(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").touch()
    with pytest.raises(FileNotFoundError), write_folder(path) as draft:
        draft.rmdir()
    assert [file.name for file in path.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [path]
