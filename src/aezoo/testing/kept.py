"""What is checked of how models are kept and compiled: folders, pickles, copies, torch.compile, torch.export."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import torch

from aezoo.errors import WeightsError
from aezoo.factory import create, load
from aezoo.latent import Batch
from aezoo.losses.context import alone
from aezoo.testing.cases import Case, tensors_of
from aezoo.testing.checks import check_close, check_equal, check_same_state
from aezoo.training.cpu import lay_out
from aezoo.weights.folder import STATE, read_metadata, read_state, save_model, write_state


class KeptChecks:
    """The same numbers from a folder, from a pickle, compiled, exported."""

    def test_saved_and_loaded_to_the_bit(self, case: Case, tmp_path: Path) -> None:
        model, batch = case.make()
        model.train()(batch)  # moves what counts batches
        model.bottleneck.step(alone)
        expected = model.eval()(batch)
        save_model(tmp_path, model, batch.images)
        for again in (load(tmp_path), create(f"local-dir:{tmp_path}", pretrained=True)):
            assert again.spec == model.spec
            assert not any(tensor.is_meta for tensor in (*again.parameters(), *again.buffers()))
            check_same_state(again, model)
            check_equal(again(batch), expected)
        assert read_metadata(tmp_path / STATE) == {"model": model.spec.name}
        state = read_state(tmp_path / STATE)
        name, _ = state.popitem()
        write_state(tmp_path / STATE, state)
        try:
            load(tmp_path)
        except WeightsError:
            return
        raise AssertionError(f"a file without {name!r} was loaded")

    def test_pickled_and_copied(self, case: Case) -> None:
        model, batch = case.make()
        model.train()(batch)  # what a module keeps of a pass is copied with it, at every checkpoint
        model.eval()
        for again in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
            assert again.spec == model.spec
            check_equal(again(batch), model(batch))

    def test_channels_last(self, case: Case) -> None:
        model, batch = case.make()
        expected = model(batch)
        images = batch.images.to(memory_format=torch.channels_last)
        made = lay_out(model, torch.channels_last)(Batch(images, batch.labels))
        check_close(made, expected, tolerance=1e-4)

    def test_compiles_whole(self, case: Case) -> None:
        torch.compiler.reset()
        model, batch = case.make()
        model.train()  # in eval() it is exported whole
        twin = copy.deepcopy(model)
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        torch.manual_seed(1)
        expected = twin(batch)
        torch.manual_seed(1)
        check_close(compiled(*tensors_of(batch)), expected)

    def test_exports_any_batch(self, case: Case) -> None:
        model, batch = case.make()
        given = tensors_of(batch)
        names = ("images", "labels")[: len(given)]
        dynamic = {name: {0: torch.export.Dim("batch", min=2, max=1024)} for name in names}
        program = torch.export.export(model, given, dynamic_shapes=dynamic)
        for tensors in (given, [torch.cat([tensor, tensor[:3]]) for tensor in given]):
            check_close(program.module()(*tensors), model(*tensors))
