def test_a_folder_that_is_not_there(aezoo, tmp_path):
    result = aezoo("package", tmp_path / "nope", tmp_path / "weights")
    assert result.exit_code == 2
    assert result.stderr == f"error: there is no folder {tmp_path / 'nope'}\n"


def test_half_and_replace_are_what_is_said(aezoo, tmp_path, monkeypatch):
    heard = []

    def stop(run, directory, tag, **how):
        heard.append((how["half"], how["replace"]))
        raise SystemExit

    monkeypatch.setattr("aezoo.training.package.package", stop)
    for flags in ((), ("--half",), ("--replace",)):
        aezoo("package", tmp_path, tmp_path / "weights", *flags)
    assert heard == [(False, False), (True, False), (False, True)]


def test_what_nobody_foresaw_exits_with_70_and_its_traceback(aezoo, tmp_path, monkeypatch):
    monkeypatch.setattr("aezoo.training.package.package", lambda *_, **__: {}["nothing"])
    result = aezoo("package", tmp_path, tmp_path / "weights")
    assert result.exit_code == 70
    assert "KeyError: 'nothing'" in result.stderr
