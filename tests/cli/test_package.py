def test_the_old_name_works_and_says_the_new_one(aezoo, folder, tmp_path):
    old, new = (aezoo(name, folder, tmp_path / "weights") for name in ("embed", "package"))
    assert old.exit_code == new.exit_code == 2
    warning, *rest = old.stderr.splitlines()
    assert warning.startswith("warning: 'aezoo embed' is called 'aezoo package' now")
    assert rest == new.stderr.splitlines()
    assert "no finished run" in rest[0]


def test_a_folder_that_is_not_there(aezoo, tmp_path):
    result = aezoo("package", tmp_path / "nope", tmp_path / "weights")
    assert result.exit_code == 2
    assert result.stderr == f"error: there is no folder {tmp_path / 'nope'}\n"
