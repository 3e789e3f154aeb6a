def test_the_old_name_works_and_says_the_new_one(aezoo, folder, tmp_path):
    old, new = (aezoo(name, folder, tmp_path / "weights") for name in ("embed", "package"))
    assert old.exit_code == new.exit_code == 2
    warning, *rest = old.stderr.splitlines()
    assert warning.startswith("warning: 'aezoo embed' is called 'aezoo package' now")
    assert rest == new.stderr.splitlines()
    assert "no finished run" in rest[0]
