"""How a toy face is drawn: one anatomy in signed distances, and styles that ink it, shade it or paint it.

Lengths are in face units: 1 is the distance between the pupils, the origin is midway between them, x runs right and
y down. A signed distance is negative inside. Arrays are (n, h, w) float32 or broadcast to it: what depends on the
factors alone is (n, 1, 1), on the columns (n, 1, w), on the rows (n, h, 1); that is most of why this is quick.
The numbers were fitted by eye to two kinds of small pictures, drawings of faces and photographs, by laying contact
sheets and mean images side by side.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

import numpy as np

from aezoo.datasets import _hashing

# Of a picture 64 pixels wide: the pixels in a face unit, and the row of the eyes. The sketch is the tighter crop.
_CAMERA = {"sketch": (27.0, 22.5), "shaded": (21.0, 33.0), "colour": (21.0, 33.0)}
_HEAD = 1.15  # radius of the cylinder that the features turn on
_DEGREE = np.float32(np.pi / 180)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue, as pictures are made grey (BT.601)


def draw(factors: Mapping[str, np.ndarray], style: str, size: int, key: np.ndarray) -> np.ndarray:
    """Draw faces, uint8 (n, 1, size, size), or (n, 3, size, size) in colour.

    Args:
        factors: The values (n,) of each factor.
        style: ``"sketch"``, ``"shaded"`` or ``"colour"``.
        size: Height and width in pixels.
        key: uint64 (n,): what each picture's noise is hashed from.
    """
    f = SimpleNamespace(**{name: values.astype(np.float32)[:, None, None] for name, values in factors.items()})
    unit, eye_row = _CAMERA[style]
    pixels = ((np.arange(size) + 0.5) * (64 / size)).astype(np.float32)
    x, y = ((pixels - 32) / unit)[None, None, :], ((pixels - eye_row) / unit)[None, :, None]
    f.pixel = 64 / size / unit
    a = _anatomy(f, x, y)
    if style == "sketch":
        return _sketch(f, a, key, size)[:, None]
    return _painted(f, a, key, size, _tints(f) if style == "colour" else _GREY)


def _bump(t: np.ndarray) -> np.ndarray:
    """A Gaussian of height and width 1."""
    return np.exp(-0.5 * t * t)


def _ramp(t: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, smooth between."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


# ---- anatomy: where everything is ----


def _anatomy(f: SimpleNamespace, x: np.ndarray, y: np.ndarray) -> SimpleNamespace:
    """Signed distances of the face and what surrounds it, and the coordinates that its features are placed in."""
    a = SimpleNamespace(y=y)
    a.light = np.sin(f.light * _DEGREE)

    # The head turns as a cylinder; the camera follows the eyes. `head` is x from the head's axis, `u` is x on its face.
    angle = f.head_turn * _DEGREE
    a.turn = np.sin(angle)
    a.head = x + np.float32(np.sqrt(_HEAD**2 - 0.25)) * a.turn
    a.u = _HEAD * np.sin(np.clip(np.arcsin(np.clip(a.head / _HEAD, -1, 1)) - angle, -np.pi / 2, np.pi / 2))

    # Outline of the face: an ellipse above the eyes, from pointed to square below; the chin, nearer to us, turns more.
    width = 1.05 * f.face_width
    top, chin = -1.5, 1.5 + 0.06 * f.mouth_openness
    below = np.clip((y - 0.1) / (chin - 0.1), 0, None)
    above = np.clip((0.1 - y) / (0.1 - top), 0, None)
    a.across = (a.head - a.turn * (0.15 + 0.65 * np.minimum(below, 1))) / width
    a.radius = np.sqrt(a.across**2 + below ** (1.6 + 1.8 * f.jaw) + above**2)  # 1 on the outline
    a.face = (a.radius - 1) * 0.95

    a.ear = (np.sqrt(((np.abs(a.head) - 1.02 * width) / 0.11) ** 2 + ((y - 0.2) / 0.33) ** 2) - 1) * 0.11
    neck = 0.62 * f.face_width + 0.10 * f.jaw + 0.35 * _ramp((y - 1.45) / 0.6)
    a.neck = np.maximum(np.abs(a.head - 0.25 * a.turn) - neck, 0.6 - y)
    shoulder = 1.62 - 0.10 * np.clip(np.abs(a.head), 0, 1.5) ** 2
    a.clothes = np.maximum(shoulder - y, 0.36 - 0.4 * (y - 1.5) - np.abs(a.head))

    # Hair behind the head: a cap that ends at the ears, or falls past the shoulders.
    half = width + 0.08 + 0.28 * f.hair_length
    end = -0.10 + 2.4 * f.hair_length
    fall = np.clip((y + 0.2) / (end + 0.2), 0, None)
    cap = np.clip((-0.2 - y) / 1.45, 0, None)
    a.hair_back = (np.sqrt(np.abs(a.head / half) ** 2.4 + fall**6 + cap**2.4) - 1) * 0.9

    # Hair in front: the hairline arches over the forehead from the parting, and runs down beside the cheeks.
    highest = -1.16 + 0.70 * f.fringe**1.7
    reach = np.clip(np.abs(a.u - 0.75 * f.parting) / (1.1 + 0.45 * np.abs(f.parting)), 0, 1)
    a.hairline = highest + (-0.42 - highest) * reach**2.5
    side = width * (1.06 - 0.15 * f.hair_length) - 0.05 * _ramp((y - 0.2) / 0.8)
    a.sideburn = np.maximum(side - np.abs(a.head - 0.12 * a.turn), 0.4 * (y - end))
    return a


def _brows(f: SimpleNamespace, a: SimpleNamespace) -> np.ndarray:
    """Signed distance of the brows."""
    along = np.clip((np.abs(a.u) - 0.20) / 0.64, 0, 1)  # from the nose outwards
    arch = -0.17 - 0.15 * np.sin(np.pi * (0.15 + 0.77 * along)) - 0.03 * f.eye_openness
    middle = arch - np.tan(f.brow_angle * _DEGREE) * 0.64 * (along - 0.5)
    half = (0.02 + 0.05 * f.brow_weight) * (1.15 - 0.75 * along**2)
    beyond = np.maximum(np.abs(np.abs(a.u) - 0.51) - 0.31, 0)
    return np.maximum(np.abs(a.y - middle) - half, beyond - 0.5 * half)


def _eyes(f: SimpleNamespace, a: SimpleNamespace) -> SimpleNamespace:
    """Both eyes at once, mirrored at the nose: `out` is x from the pupil's place, growing away from the nose."""
    e = SimpleNamespace()
    e.out = np.abs(a.u) - 0.5 * f.eye_spacing
    e.y = a.y + 0.05 * e.out  # the outer corner is the higher one
    s = np.clip(e.out / 0.24, -1, 1)
    e.arch = 1 - s * s
    e.upper = -(0.045 + 0.095 * f.eye_openness) * e.arch * (1 - 0.2 * s)
    e.lower = (0.035 + 0.045 * f.eye_openness) * e.arch * (1 + 0.3 * s)
    e.opening = np.maximum(np.maximum(e.upper - e.y, e.y - e.lower), np.abs(e.out) - 0.245)
    mirror = np.sign(a.u)
    iris = e.out - 0.115 * f.gaze * mirror
    e.iris = np.sqrt(iris**2 + (a.y + 0.015) ** 2)  # distance from its centre
    e.glint = np.sqrt((iris * mirror + 0.03 - 0.065 * a.light) ** 2 + (a.y + 0.04) ** 2)
    return e


def _nose(f: SimpleNamespace, a: SimpleNamespace) -> SimpleNamespace:
    """The nose: its base, how far down it a row lies, and x from its ridge, which turns further towards the tip."""
    n = SimpleNamespace()
    n.base = 0.62 * f.nose_length
    n.along = np.clip((a.y + 0.25) / (n.base + 0.25), 0, 1.15)
    n.u = a.u - 0.30 * a.turn * n.along
    return n


def _mouth(f: SimpleNamespace, a: SimpleNamespace) -> SimpleNamespace:
    """Rows of the lips' edges at each column, and the signed distances of lips, hole and teeth."""
    m = SimpleNamespace()
    half = 0.355 * f.mouth_width * (1 + 0.18 * np.maximum(f.mouth_curve, 0))  # a smile is wider
    u = a.u - 0.08 * a.turn
    m.s = u / half  # -1 and 1 at the corners
    m.beyond = (np.abs(m.s) - 1) * half
    arch = np.clip(1 - m.s**2, 0, 1)
    bow = _bump(u / 0.07)
    m.line = 1.02 - 0.12 * f.mouth_curve * (m.s**2 - 0.4) + 0.02 * bow
    gap = 0.22 * f.mouth_openness * arch**0.8
    m.upper, m.lower = m.line - 0.25 * gap, m.line + 0.75 * gap
    m.bottom = m.lower + 0.12 * arch**0.6
    top = m.upper - 0.09 * arch**0.7 * (1 - 0.25 * bow)
    m.upper_lip = np.maximum(np.maximum(top - a.y, a.y - m.upper), m.beyond)
    m.lower_lip = np.maximum(np.maximum(m.lower - a.y, a.y - m.bottom), m.beyond)
    m.hole = np.maximum(np.maximum(m.upper - a.y, a.y - m.lower), m.beyond)
    m.teeth = np.maximum(np.maximum(m.upper - a.y, a.y - m.upper - 0.65 * (m.lower - m.upper)), m.beyond + 0.06)
    return m


def _strands(f: SimpleNamespace, a: SimpleNamespace, key: np.ndarray, cloud: np.ndarray) -> np.ndarray:
    """Strands of hair that fan out from the crown, about -0.7 to 0.7; ``cloud`` bends them."""
    phase = _hashing.uniform(key[:, None], np.arange(3, dtype=np.uint64)) * (2 * np.pi)
    first, second, third = phase.astype(np.float32).T[:, :, None, None]
    fan = (a.head - 0.35 * f.parting) / (0.40 + 0.75 * np.clip(a.y + 1.5, 0, 1.4)) + 0.07 * cloud
    coarse = np.sin(13 * fan + first + 1.5 * a.y) + np.sin(29 * fan + second - 2 * a.y)
    return 0.28 * coarse + 0.15 * np.sin(53 * fan + third + 3 * a.y)


def _hair_front(f: SimpleNamespace, a: SimpleNamespace, strands: np.ndarray) -> np.ndarray:
    """Signed distance of the hair that lies over the face; a low fringe ends in tips."""
    tips = 0.10 * strands * (0.25 + f.fringe)
    return np.maximum(np.minimum(a.y - a.hairline + tips, a.sideburn + 0.05 * strands), a.hair_back)


# ---- light: both styles take their shadows from one relief ----


def _lit(f: SimpleNamespace, a: SimpleNamespace, n: SimpleNamespace, m: SimpleNamespace) -> np.ndarray:
    """The cosine between the light and the skin, 0 where it faces away."""
    y, out = a.y, np.abs(a.u)
    smile = np.maximum(f.mouth_curve, 0)
    relief = 0.85 * np.sqrt(np.clip(1.25 - a.radius**2, 0.02, None))
    relief -= 0.10 * _bump((out - 0.48) / 0.24) * _bump(y / 0.17)  # sockets
    relief += 0.05 * _bump((out - 0.45) / 0.35) * _bump((y + 0.33) / 0.12)  # ridge of the brows
    relief += 0.05 * (1 + smile) * _bump((out - 0.58) / 0.24) * _bump((y - 0.52 + 0.06 * smile) / 0.22)  # cheeks
    relief += 0.07 * _bump(a.u / 0.22) * _bump((y - 1.32) / 0.13)  # chin
    relief += 0.05 * _bump(m.s / 0.6) * _bump((y - 0.5 * (m.lower + m.bottom)) / 0.06)  # lower lip
    relief -= 0.03 * _bump(m.s / 0.5) * _bump((y - m.bottom - 0.05) / 0.05)  # the hollow under it
    ridge = (0.04 + 0.13 * n.along**1.5) * _ramp((n.base + 0.16 - y) / 0.42) * _ramp((y + 0.35) / 0.3)
    relief += ridge * _bump(n.u / ((0.08 + 0.07 * n.along**2) * f.nose_width))
    relief += 0.04 * _bump((np.abs(n.u) - 0.17 * f.nose_width) / 0.07) * _bump((y - n.base + 0.07) / 0.08)  # wings

    slope_x, slope_y = np.empty_like(relief), np.empty_like(relief)
    slope_x[:, :, 1:-1] = (relief[:, :, 2:] - relief[:, :, :-2]) / (2 * f.pixel)
    slope_x[:, :, 0], slope_x[:, :, -1] = slope_x[:, :, 1], slope_x[:, :, -2]
    slope_y[:, 1:-1] = (relief[:, 2:] - relief[:, :-2]) / (2 * f.pixel)
    slope_y[:, 0], slope_y[:, -1] = slope_y[:, 1], slope_y[:, -2]
    towards = 0.95 * (np.sqrt(1 - a.light**2) - a.light * slope_x) + 0.24 * slope_y  # and a little from above
    return np.clip(towards / np.sqrt(1 + slope_x**2 + slope_y**2), 0, None)


# ---- colour: tints that leave the luminance, so that a face in colour is the shaded face once it is grey ----

_GREY = SimpleNamespace(**dict.fromkeys(("skin", "lips", "hair", "iris", "wall", "clothes"), np.ones(1, np.float32)))


def _tint(*channels: np.ndarray | float) -> np.ndarray:
    """Red, green and blue, each a number or (n, 1, 1), to factors of a luminance (n or 1, 3, 1, 1)."""
    n = max(np.shape(each)[0] if np.ndim(each) else 1 for each in channels)
    tint = np.stack([np.broadcast_to(np.float32(each), (n, 1, 1)) for each in channels], axis=1)  # (n, 3, 1, 1)
    return tint / np.einsum("nchw,c->nhw", tint, _LUMINANCE)[:, None]


def _hue(turn: np.ndarray, strength: float) -> np.ndarray:
    """A colour of the wheel: 0 is red, a third of a turn green, two thirds blue."""
    return _tint(*(1 + strength * np.cos(2 * np.pi * (turn - third / 3)) for third in range(3)))


def _tints(f: SimpleNamespace) -> SimpleNamespace:
    """The colour of each thing, from the factors that end in ``_hue``."""
    dark, ruddy, red = 1 - f.skin_tone, f.skin_hue, f.hair_hue
    return SimpleNamespace(
        skin=_tint(1.10 + 0.16 * dark + 0.2 * ruddy, 0.98 - 0.1 * ruddy, 0.86 - 0.24 * dark - 0.1 * ruddy),
        lips=_tint(1.32, 0.86, 0.86),
        hair=_tint(1.10 + 0.45 * red, 1.0 - 0.12 * red, 0.80 - 0.40 * red),
        iris=_hue(0.08 + 0.52 * f.eye_hue, 0.7),  # from brown over green to blue
        wall=_hue(f.background_hue, 0.35),
        clothes=_hue(f.clothes_hue, 0.6),
    )


# ---- the styles ----


def _painted(f: SimpleNamespace, a: SimpleNamespace, key: np.ndarray, size: int, tints: SimpleNamespace) -> np.ndarray:
    """Faces painted from back to front; edges are soft over a pixel, so nothing need be supersampled."""
    y, e, n, m = a.y, _eyes(f, a), _nose(f, a), _mouth(f, a)
    cloud, grain = _hashing.smooth_noise(key, 6, size), _hashing.smooth_noise(key + np.uint64(1), 40, size)
    sideways = a.head * a.light  # positive on the side that the light comes from

    def cover(distance: np.ndarray, soft: float = 1.0) -> np.ndarray:
        """1 inside, 0 outside, over ``soft`` pixels."""
        return np.clip(0.5 - distance / (soft * f.pixel), 0, 1)

    def lay(mask: np.ndarray, value: np.ndarray | float, tint: np.ndarray = _GREY.wall) -> None:
        """Paint ``value`` in a tint over the picture, as opaque as ``mask``."""
        value = np.asarray(value, np.float32)[..., None, :, :] if np.ndim(value) else value
        np.add(picture, mask[:, None] * (value * tint - picture), out=picture)

    def darken(shade: np.ndarray) -> None:
        """Take a share of the light away."""
        np.multiply(picture, (1 - shade)[:, None], out=picture)

    skin = 0.43 + 0.47 * f.skin_tone
    light = 0.30 + 0.80 * _lit(f, a, n, m)
    strands = _strands(f, a, key + np.uint64(2), cloud) + 0.20 * grain
    tone = 0.05 + 0.44 * f.hair_tone**1.7
    sheen = _bump((y + 0.98 + 0.2 * a.head**2) / 0.28) * (1 + 0.6 * sideways)
    hair = tone * (0.85 + 0.35 * strands + 0.5 * sheen) * (1 + 0.3 * sideways) + 0.02

    # Behind and around the face: a wall out of focus, hair, neck under the chin's shadow, clothes, ears.
    wall = (0.04 + 0.86 * f.background) * (1 + 0.10 * sideways) + 0.06 * cloud
    picture = wall[:, None] * tints.wall
    lay(cover(a.hair_back + 0.035 * strands + 0.02 * cloud, 1.5), 0.8 * hair, tints.hair)
    lay(cover(a.neck), skin * (0.50 + 0.30 * _ramp((y - 1.5) / 0.5) + 0.2 * sideways), tints.skin)
    lay(cover(a.clothes), 0.75 - 0.6 * f.background + 0.04 * grain, tints.clothes)
    lay(cover(a.ear), skin * (0.75 + 0.2 * np.sign(a.head) * a.light), tints.skin)
    lay(cover(a.face), skin * light * (1 + 0.025 * grain) + 0.06 * np.clip(light, 0, 1.1) ** 8, tints.skin)

    # Nose: nostrils, and the shadow it casts away from the light.
    nostril = np.sqrt(((np.abs(n.u) - 0.10 * f.nose_width) / 0.06) ** 2 + ((y - n.base - 0.02) / 0.03) ** 2)
    lay(0.55 * _bump(nostril), 0.2 * skin, tints.skin)
    darken(0.12 * _bump((n.u + 0.20 * a.light) / 0.13) * _bump((y - n.base - 0.06) / 0.06))

    # Eyes: the hollow under the brow, white, iris, pupil, glint, lashes, the crease above and the fold below.
    darken(0.25 * _bump(e.out / 0.25) * _bump((y + 0.10) / 0.09))
    opening = cover(e.opening)
    lay(opening, 0.13 + (0.17 + 0.25 * skin) * light + 1.2 * (e.y - e.upper))
    lay(opening * cover(e.iris - 0.112), 0.16, tints.iris)
    lay(opening * cover(e.iris - 0.05), 0.03)
    lay(opening * cover(e.glint - 0.025), 0.95)
    lay(0.80 * cover(np.maximum(np.abs(e.y - e.upper) - 0.014 - 0.028 * e.arch, np.abs(e.out) - 0.245)), 0.08)
    lay(0.35 * cover(np.maximum(np.abs(e.y - e.lower) - 0.012, np.abs(e.out) - 0.24)), 0.15)
    lay(
        0.30 * cover(np.maximum(np.abs(e.y - 1.25 * e.upper + 0.055) - 0.01, np.abs(e.out) - 0.25)),
        0.4 * skin,
        tints.skin,
    )
    darken(0.10 * _bump((e.y - e.lower - 0.09) / 0.03) * _bump(e.out / 0.17))
    lay((0.55 + 0.35 * f.brow_weight) * cover(_brows(f, a), 2), 0.05 + 0.45 * tone + 0.04 * grain, tints.hair)

    # Mouth, and the fold from the nose to its corners that deepens with a smile.
    lay(0.75 * cover(m.upper_lip, 1.5), 0.52 * skin * light, tints.lips)
    lay(0.75 * cover(m.lower_lip, 1.5), 0.68 * skin * light, tints.lips)
    lay(cover(m.hole), 0.10)
    lay(0.90 * cover(m.teeth), 0.40 + 0.42 * light)
    lay(0.70 * cover(np.maximum(np.abs(y - m.upper) - 0.012, m.beyond - 0.02)), 0.12)
    fold = _bump((np.abs(a.u) - 0.27 - 0.55 * (y - 0.6)) / 0.05) * _bump((y - 0.78) / 0.13)
    darken((0.03 + 0.10 * np.maximum(f.mouth_curve, 0)) * fold)

    # Hair over the face, and its shadow on the skin.
    front = _hair_front(f, a, strands)
    darken(0.22 * np.clip(1 - np.abs(front) / 0.22, 0, 1) ** 2 * cover(a.face))
    lay(cover(front, 3), hair, tints.hair)
    return (np.clip(picture * 255, 0, 255) + 0.5).astype(np.uint8)


def _sketch(f: SimpleNamespace, a: SimpleNamespace, key: np.ndarray, size: int) -> np.ndarray:
    """Black ink on white paper: ink lies where a field, raised by each stroke and made ragged by noise, is positive."""
    y, e, n, m = a.y, _eyes(f, a), _nose(f, a), _mouth(f, a)
    cloud, rough = _hashing.smooth_noise(key, 10, size), _hashing.smooth_noise(key + np.uint64(1), 56, size)
    ragged = 0.017 * rough + 0.012 * cloud
    heavy = 1 - f.skin_tone
    shade = np.clip(-np.sign(a.head) * a.light, 0, 1)  # on the side that the light does not reach

    def stroke(distance: np.ndarray, half: np.ndarray | float = 0.0) -> None:
        """Ink within ``half`` of a line, given the distance from it."""
        np.maximum(ink, half - distance, out=ink)

    def fill(region: np.ndarray, value: float) -> None:
        """Replace the ink inside a signed distance: negative is paper."""
        np.copyto(ink, value, where=region + ragged < 0)

    # What lies in deep shadow; then the brows, which run into the flanks of the nose, and these into its wings.
    ink = 0.30 * (0.12 + 0.26 * heavy - _lit(f, a, n, m))
    stroke(_brows(f, a), 0.012 + 0.022 * heavy)
    flank = f.nose_width * (0.115 + 0.17 * _ramp((y - 0.3) / 0.3) ** 1.5) + 0.12 * _ramp((0.02 - y) / 0.27)
    ends = np.maximum(-0.26 - y, y - n.base)
    stroke(np.maximum(np.abs(np.abs(n.u) - flank) * 0.85, ends), 0.032 + 0.024 * heavy + 0.03 * shade)
    under = n.base + 0.02 - 0.045 * np.cos(n.u * (2 * np.pi / 0.26) / f.nose_width)
    stroke(np.maximum(np.abs(y - under) * 0.7, np.abs(n.u) - 0.25 * f.nose_width), 0.034 + 0.03 * heavy)

    # Eyes: a socket that heavy ink fills, the white, iris and glint, under a thick upper lid.
    stroke((np.sqrt((e.out / 0.25) ** 2 + ((y - 0.02) / 0.14) ** 2) - 1) * 0.14, -0.075 + 0.105 * heavy)
    fill(e.opening + 0.01 * heavy, -0.05)
    fill(np.maximum(e.iris - 0.115, e.opening), 0.06)
    fill(np.maximum(e.glint - 0.03, e.opening), -0.05)
    stroke(np.maximum(np.abs(e.y - e.upper), np.abs(e.out) - 0.24), 0.02 + 0.035 * e.arch + 0.015 * heavy)
    stroke(np.maximum(np.abs(e.y - e.lower), np.abs(e.out) - 0.20), 0.004 + 0.02 * heavy)

    # Mouth: the upper lip in shadow, the lower one as far as the ink is heavy, the hole, the line, the shadow below.
    stroke(m.upper_lip)
    stroke(np.maximum(m.lower_lip, y - m.lower - 0.11 * heavy))
    fill(m.hole, 0.05)
    fill(m.teeth, -0.05)
    stroke(np.maximum(np.abs(y - m.upper), m.beyond - 0.03), 0.02 + 0.01 * heavy)
    stroke(np.maximum(np.abs(y - m.bottom - 0.01), np.abs(m.s) - 0.55), 0.018 + 0.02 * heavy)
    stroke(np.abs(a.face + 0.02), 0.027 + 0.07 * shade * np.abs(a.across))

    # Around the face, from back to front: a dark background fills from the top, hair, neck, ears; then hair over it.
    strands = _strands(f, a, key + np.uint64(2), cloud)
    hair = 0.6 * (0.72 - 0.52 * f.hair_tone - strands)
    around = 0.24 - 0.48 * f.background - 0.20 * (y - 0.4) + 0.05 * cloud
    around = np.where(a.hair_back + 0.04 * strands + ragged < 0, hair, around)
    neck = np.maximum(0.03 - np.abs(a.neck), 0.12 - 0.6 * (y - 1.45) - 0.3 * f.skin_tone)
    around = np.where(a.neck < 0, neck, around)
    around = np.where(a.ear < 0, np.maximum(0.03 + a.ear, 0.02 - np.abs(a.ear + 0.06)), around)
    ink = np.where(a.face < 0, ink, around)
    ink = np.where(_hair_front(f, a, strands) + ragged < 0, hair, ink)
    return np.where(ink + ragged > 0, 0, 255).astype(np.uint8)
