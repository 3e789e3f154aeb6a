import json

import pytest

MODEL = 'ModelSpec(name="{}", summary="A model of {}", image=aezoo.ImageSpec((8, 8)), tags=({}), default_tag="{}")'


@pytest.fixture
def zoo(site):
    site.install("aezoo-one", MODEL.format("twin", "one", "", ""), 'EncoderSpec(name="deep", summary="Deep")')
    tag = 'aezoo.Tag(name="v1", recipe=aezoo.Recipe()),'
    site.install(
        "two",
        MODEL.format("twin", "two", "", ""),
        MODEL.format("stored", "two", tag, "v1"),
        'WeightsSpec(name="stored.v1", summary="Its weights", model="two/stored", tag="v1", dataset="dots", images=7, '
        'metrics=(("mse", 0.0123456), ("other", 1.0)), baseline=(("mse", 0.5),), size=2_600_000, licence="research")',
    )


def names(result):
    return [line.split()[0] for line in result.stdout.splitlines()[1:]]


def test_models_are_the_default(aezoo):
    assert names(aezoo("list"))[:3] == ["cis680-ae", "cis680-vae16", "cis680-vae512"]
    assert aezoo("list").stdout == aezoo("list", "models").stdout == aezoo("list", "model").stdout


def test_one_argument_may_be_a_pattern(aezoo):
    assert names(aezoo("list", "cis680-vae*")) == ["cis680-vae16", "cis680-vae512"]
    assert names(aezoo("list", "cis680-ae")) == ["cis680-ae"]


def test_a_kind_and_a_pattern(aezoo):
    assert names(aezoo("list", "losses", "l?")) == ["l1", "l2"]


def test_all_kinds(aezoo):
    listed = json.loads(aezoo("list", "all", "m*", "--json").stdout)
    assert {(entry["kind"], entry["name"]) for entry in listed} >= {
        ("encoder", "mlp"),
        ("decoder", "mlp"),
        ("metric", "mse"),
    }


def test_every_kind_of_spec_can_be_listed(aezoo):
    from aezoo.cli.names import KINDS
    from aezoo.specs import SPECS

    assert list(KINDS.values()) == list(SPECS)
    assert {"bernoulli", "none"} <= set(names(aezoo("list", "likelihoods")))
    assert "standard" in names(aezoo("list", "priors"))
    assert all(kind in aezoo("list", "--help").stdout for kind in KINDS)


def test_metrics_say_their_unit_and_better_end(aezoo):
    lines = [line.split() for line in aezoo("list", "metrics").stdout.splitlines()]
    assert [line[1:3] for line in lines if line[0] in ("psnr", "bce")] == [["nats", "↓"], ["dB", "↑"]]


def test_a_line_is_one_entry_and_nothing_is_cut_when_piped(aezoo):
    result = aezoo("list", "losses")
    assert (
        "Divergence of the posterior from the prior; free bits (Kingma et al. 2016), capacity (Burgess 2018)"
        in result.stdout
    )
    assert "\x1b" not in result.stdout


def test_a_clash_is_listed_by_its_qualified_names(aezoo, zoo):
    assert {"aezoo-one/twin", "two/twin", "stored"} <= set(names(aezoo("list")))


def test_of_one_plugin(aezoo, zoo):
    assert names(aezoo("list", "encoders", "--plugin", "Aezoo_One")) == ["deep"]
    assert aezoo("list", "--plugin", "twoo").stderr.startswith(
        "error: no plugin 'twoo' is installed: did you mean two,"
    )


def test_pretrained(aezoo, zoo):
    result = aezoo("list", "--pretrained", "stored*")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["NAME", "TEST", "MSE", "↓", "IMAGES", "DATA", "SIZE", "TERMS", "PACKAGE"],
        ["stored.v1", "0.01235", "(0.5)", "7", "dots", "2.6", "MB", "research", "two"],
    ]
    assert aezoo("list", "weights", "stored*").stdout == result.stdout
    assert {"cis680-ae.cufs", "cis680-ae.toyfaces", "stored.v1"} <= set(names(aezoo("list", "--pretrained")))


def test_pretrained_on_a_narrow_terminal_folds_long_datasets(aezoo, monkeypatch):
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("aezoo.cli.console.is_terminal", lambda: True)
    lines = aezoo("list", "--pretrained", "--plugin", "aezoo").stdout.splitlines()
    assert "kl-f8-tiny.toyfaces" in " ".join(lines)
    assert max(map(len, lines)) <= 50


def test_pretrained_by_the_name_of_the_model(aezoo, zoo):
    assert names(aezoo("list", "--pretrained", "stored")) == ["stored.v1"]
    assert names(aezoo("list", "--pretrained", "cis680-vae16")) == ["cis680-vae16.cufs", "cis680-vae16.toyfaces"]
    assert names(aezoo("list", "--pretrained", "--plugin", "two")) == ["stored.v1"]
    none = aezoo("list", "--pretrained", "two/twin")
    assert (none.exit_code, none.stdout, none.stderr) == (0, "", "no weights are installed for them\n")
    assert "no model 'storde': did you mean stored" in aezoo("list", "--pretrained", "storde").stderr
    assert aezoo("list", "encoders", "--pretrained").exit_code == 2


def test_pretrained_as_json(aezoo, zoo):
    [entry] = json.loads(aezoo("list", "--pretrained", "stored", "--json").stdout)
    assert entry["metrics"] == {"mse": 0.0123456, "other": 1.0}
    assert (entry["kind"], entry["model"], entry["tag"]) == ("weights", "two/stored", "v1")
    assert (entry["baseline"], entry["size"], entry["distribution"]) == ({"mse": 0.5}, 2_600_000, "two")


def test_members_of_a_family(aezoo, site):
    site.install("family", 'EncoderSpec(name="old:*", summary="Old ones", implementation="m:E", members="members:all")')
    (site.path / "members.py").write_text("def all(): return ['a1', 'a2', 'b1']")
    assert names(aezoo("list", "encoders", "old:a*")) == ["old:a1", "old:a2"]
    assert "old:*" in names(aezoo("list", "encoders", "o*"))


def test_nothing_fits_a_pattern(aezoo):
    result = aezoo("list", "z*")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr
    assert json.loads(aezoo("list", "z*", "--json").stdout) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cis680-vae61",), "no model 'cis680-vae61': did you mean cis680-vae16, cis680-vae512 or "),
        (("encoders", "cnov"), "no encoder 'cnov': did you mean conv,"),
        (("modles", "x"), "no kind 'modles': did you mean models,"),
        (("bce",), "'bce' is no model but a loss and a metric: say 'aezoo list all bce'"),
    ],
)
def test_an_unknown_name(aezoo, arguments, said):
    result = aezoo("list", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 2


def test_json(aezoo, zoo):
    [entry] = json.loads(aezoo("list", "stored", "--json").stdout)
    assert entry["name"] == "stored"
    assert entry["qualified_name"] == "two/stored"
    assert entry["kind"] == "model"
    assert entry["summary"] == "A model of two"
    assert (entry["distribution"], entry["version"]) == ("two", "1.0")
    assert entry["tags"] == entry["pretrained"] == ["v1"]
    [entry] = json.loads(aezoo("list", "losses", "kl", "--json").stdout)
    assert entry["options"][0]["name"] == "free_bits"


def test_a_stranger_s_study_is_listed_without_torch(site, python):
    site.install("aezoo-room", 'StudySpec(name="room", summary="More room", implementation="room_study:study")')
    listed = python("-m", "aezoo", "list", "studies", "--plugin", "aezoo-room", path=site.path).stdout
    assert listed.splitlines()[1].split()[:2] == ["room", "More"]


@pytest.mark.parametrize(
    ("word", "near"), [("encodrs", "encoders"), ("encoder-s", "encoders"), ("lossess", "losses"), ("metrcs", "metrics")]
)
def test_a_misspelt_kind_is_one_line_with_the_nearest(aezoo, word, near):
    result = aezoo("list", word)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: no kind and no model {word!r}: did you mean {near}, ")
    assert len(result.stderr.splitlines()) == 1
    assert "no model 'cis680-vae61': did you mean cis680-vae16" in aezoo("list", "cis680-vae61").stderr
