"""An animated SVG of a terminal: scenes of lines that appear one after another, again and again.

Without animation (`prefers-reduced-motion`) the last scene is shown whole.
"""

from __future__ import annotations

import re
from itertools import accumulate
from xml.sax.saxutils import escape

from attrs import frozen

COLUMNS = 80
_WIDTH, _FONT, _LINE, _LEFT, _TOP = 864, 17, 22, 22, 66
_BAR = 41
_HOLD_SECONDS = 4.5
_CLASSES = (
    (re.compile(r"── "), "title"),
    (re.compile(r" +\$ "), "command"),
    (re.compile(r" +(= |then |\()"), "dim"),
    (re.compile(r" +\+ "), "green"),
    (re.compile(r" +~ |.*: (would change|changed) \d"), "yellow"),
    (re.compile(r" +[a-z]+\.finished|.* ready \(|.*: \d released"), "green"),
    (re.compile(r" +hello"), "job"),
)
_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{title}</title>
<style>
text {{ font: {font}px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #d1d7e0; white-space: pre }}
.title {{ fill: #fff; font-weight: 700 }} .command {{ fill: #79c0ff; font-weight: 700 }} .dim {{ fill: #9198a1 }}
.green {{ fill: #7ee787 }} .yellow {{ fill: #f2cc60 }} .job {{ fill: #fff; font-weight: 700 }}
.scene {{ visibility: hidden }} .scene:last-of-type {{ visibility: visible }} .cover {{ fill: #0d1117; transform: translateY({height}px) }}
@media (prefers-reduced-motion: no-preference) {{
{rules}
}}
{keyframes}
</style>
<clipPath id="inside"><rect x="1" y="{bar}" width="{inner}" height="{below}" rx="9"/></clipPath>
<rect x=".5" y=".5" width="{outer}" height="{whole}" rx="10" fill="#0d1117" stroke="#3d444d"/>
<path d="M1 {bar}H{outer}" stroke="#3d444d"/>
<circle cx="24" cy="21" r="6" fill="#ff5f57"/><circle cx="44" cy="21" r="6" fill="#febc2e"/><circle cx="64" cy="21" r="6" fill="#28c840"/>
{scenes}
</svg>
"""


@frozen
class Line:
    """A line, and the seconds between the one before and itself."""

    text: str
    after: float


@frozen
class Scene:
    """What is on the screen at once, under a name."""

    name: str
    lines: tuple[Line, ...]

    @property
    def seconds(self) -> float:
        """How long it is shown."""
        return sum(each.after for each in self.lines) + _HOLD_SECONDS


def svg(title: str, scenes: tuple[Scene, ...]) -> str:
    """Return the picture."""
    total = sum(each.seconds for each in scenes)
    starts = [0.0, *accumulate(each.seconds for each in scenes)]
    height = _TOP + _LINE * max(len(each.lines) for each in scenes)
    numbered = [*enumerate(scenes)]
    return _SVG.format(
        title=escape(title),
        font=_FONT,
        width=_WIDTH,
        inner=_WIDTH - 2,
        outer=_WIDTH - 1,
        height=height,
        whole=height - 1,
        bar=_BAR,
        below=height - _BAR - 1,
        rules="\n".join(_rule(number, total) for number, _ in numbered),
        keyframes="\n".join(_keyframes(number, each, starts[number], total) for number, each in numbered),
        scenes="\n".join(_drawn(number, each, height) for number, each in numbered),
    )


def _rule(number: int, total: float) -> str:
    return (
        f"#s{number} {{ animation: s{number} {total:.1f}s step-end infinite }} "
        f"#c{number} {{ animation: c{number} {total:.1f}s step-end infinite }}"
    )


def _keyframes(number: int, scene: Scene, start: float, total: float) -> str:
    def at(seconds: float) -> str:
        return f"{100 * seconds / total:.2f}%"

    hidden, visible = "{ visibility: hidden }", "{ visibility: visible }"
    shown = f"0% {hidden} {at(start)} {visible} {at(start + scene.seconds)} {hidden}"
    moments = accumulate((each.after for each in scene.lines), initial=start)
    steps = " ".join(
        f"{at(moment)} {{ transform: translateY({_LINE * line}px) }}" for line, moment in enumerate(moments)
    )
    return f"@keyframes s{number} {{ {shown} }}\n@keyframes c{number} {{ 0% {{ transform: none }} {steps} }}"


def _drawn(number: int, scene: Scene, height: int) -> str:
    lines = "\n".join(_text(each.text, row) for row, each in enumerate(scene.lines) if each.text)
    name = f'<text x="{_WIDTH // 2}" y="27" text-anchor="middle" class="dim">{escape(scene.name)}</text>'
    cover = f'<rect id="c{number}" class="cover" x="0" y="{_TOP - 18}" width="{_WIDTH}" height="{height}"/>'
    return f'<g class="scene" id="s{number}">\n{name}\n<g clip-path="url(#inside)">\n{lines}\n{cover}\n</g>\n</g>'


def _text(line: str, row: int) -> str:
    kind = next((f' class="{name}"' for pattern, name in _CLASSES if pattern.match(line)), "")
    return f'<text x="{_LEFT}" y="{_TOP + _LINE * row}"{kind} xml:space="preserve">{escape(line)}</text>'
