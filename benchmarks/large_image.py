"""Time and memory of a large image, in tiles or whole.

    python benchmarks/large_image.py MODEL --size 4096 --tile 512
    python benchmarks/large_image.py MODEL --size 1024

MODEL is a name or a model folder; its weights do not matter here. Printed are the seconds of ``encode`` and ``decode``
once the model has seen a tile, or an image of its own size; the peak of the process's memory, and how much of it was
there before: interpreter, libraries and the image.
"""

from __future__ import annotations

import argparse
import resource
import time

import torch

import aezoo


def main() -> None:
    """Encode and decode once, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--size", type=int, default=4096, help="pixels of a side")
    parser.add_argument("--tile", type=int, help="pixels of a tile's side; by default the image is computed whole")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    model = aezoo.create(arguments.model).eval()
    images = torch.rand(1, model.image.channels, arguments.size, arguments.size)
    before = _peak()
    height, width = (arguments.tile, arguments.tile) if arguments.tile else model.image.size
    with torch.inference_mode():
        model.decode(model.encode(images[..., :height, :width]).z)
        start = time.perf_counter()
        z = model.encode(images, tile=arguments.tile).z
        between = time.perf_counter()
        again = model.decode(z, tile=arguments.tile)
        end = time.perf_counter()
    print(f"image {tuple(images.shape)}, z {tuple(z.shape)}, tile {arguments.tile}")
    for name in ("encoder", "decoder"):
        print(f"{name} {getattr(model, name).field}")
    print(f"encode {between - start:.1f} s, decode {end - between:.1f} s")
    print(f"peak {_peak():.0f} MB, of which {before:.0f} MB before; the image is {images.nbytes / 1e6:.0f} MB")
    assert again.shape == images.shape


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


if __name__ == "__main__":
    main()
