from aezoo.cli.measured import show

METRICS = {
    "test": {"mse": 0.5, "psnr": None, "unheard-of": 2.0},
    "mean-image": {"test": {"mse": 0.25, "psnr": 12.0}},
    "protocol": {"dataset": "dots", "images": {"test": 7}, "precision": "float32", "seed": 0},
}


def test_what_was_not_measured_is_an_empty_cell(capsys):
    show(METRICS)
    head, own, baseline, _ = capsys.readouterr().out.splitlines()
    assert head == "MODEL       SPLIT  MSE ↓  PSNR (dB) ↑  UNHEARD-OF"
    assert own.split() == ["this", "model", "test", "0.5", "2"]
    assert own.index("0.5") == head.index("MSE") + 2
    assert baseline.split() == ["mean-image", "test", "0.25", "12"]
