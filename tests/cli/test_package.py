def test_a_folder_that_is_not_there(aezoo, tmp_path):
    result = aezoo("package", tmp_path / "nope", tmp_path / "weights")
    assert result.exit_code == 2
    assert result.stderr == f"error: there is no folder {tmp_path / 'nope'}\n"
