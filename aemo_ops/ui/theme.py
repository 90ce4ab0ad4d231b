"""Colours, type and spacing, light and dark: said once, handed to Material UI and to our own CSS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
MONO = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'

# Every ink has a contrast of at least 4.5 on page, surface and (for the states) its own chip.
LIGHT = {
    "page": "#f5f7fa",
    "surface": "#ffffff",
    "sunken": "#eef1f5",
    "line": "#dfe4ea",
    "ink": "#15202b",
    "muted": "#56626f",
    "accent": "#0b66d0",
    "on-accent": "#ffffff",
    "fresh": "#16704c",
    "fresh-chip": "#e1f3ea",
    "late": "#865600",
    "late-chip": "#fdefd0",
    "stale": "#b3261e",
    "stale-chip": "#fde8e6",
    "partial": "#4150b5",
    "partial-chip": "#e7e9fb",
    "calm": "#4b5765",
    "calm-chip": "#e8ecf1",
}
DARK = {
    "page": "#0f151c",
    "surface": "#18202a",
    "sunken": "#0f151c",
    "line": "#2b3541",
    "ink": "#eef2f6",
    "muted": "#9fabb8",
    "accent": "#5aa7ff",
    "on-accent": "#08121d",
    "fresh": "#4fc48d",
    "fresh-chip": "#12352a",
    "late": "#f2b632",
    "late-chip": "#3a2b08",
    "stale": "#ff8f86",
    "stale-chip": "#431d1b",
    "partial": "#a9b3ff",
    "partial-chip": "#272c54",
    "calm": "#b4bfca",
    "calm-chip": "#28323d",
}
# Lines of charts: at least 3:1 on both surfaces, so that a chart keeps its colours when the theme is toggled.
LINES = ("#2f7de1", "#1f9d6b", "#c47a12", "#a265d6", "#dc4c41", "#1593a5")


def _variables(tokens: dict[str, str]) -> str:
    return "".join(f"--ops-{name}:{value};" for name, value in tokens.items())


# Page puts .mui-light or .mui-dark on the box that holds everything, so the variables reach into every shadow root.
CSS = (
    f".mui-light{{color-scheme:light;{_variables(LIGHT)}}}"
    f".mui-dark{{color-scheme:dark;{_variables(DARK)}}}"
    f".mui-light,.mui-dark{{--ops-font:{FONT};--ops-mono:{MONO};}}"
)


def loading(dark: bool) -> str:
    """What Page shows until it is there, in our colours: its own is a grey veil over a white page."""
    tokens = DARK if dark else LIGHT
    return (
        f"#loader{{background:{tokens['page']} !important;}}"
        f"#loader .spinner{{width:28px;height:28px;border:3px solid {tokens['line']};border-top-color:{tokens['accent']};}}"
    )


def _config(tokens: dict[str, str]) -> dict[str, Any]:
    return {
        "palette": {
            "primary": {"main": tokens["accent"], "contrastText": tokens["on-accent"]},
            "success": {"main": tokens["fresh"]},
            "warning": {"main": tokens["late"]},
            "error": {"main": tokens["stale"]},
            "background": {"default": tokens["page"], "paper": tokens["surface"]},
            "text": {"primary": tokens["ink"], "secondary": tokens["muted"]},
            "divider": tokens["line"],
        },
        "typography": {"fontFamily": FONT, "fontSize": 13},
        "shape": {"borderRadius": 8},
    }


CONFIG = {"light": _config(LIGHT), "dark": _config(DARK)}

# The frame of pmui.Page: a header and a side bar of our surface instead of a bar in the primary colour.
FRAME = {
    ".MuiAppBar-root": {
        "backgroundColor": "var(--ops-surface)",
        "backgroundImage": "none",
        "color": "var(--ops-ink)",
        "borderBottom": "1px solid var(--ops-line)",
        "boxShadow": "none",
    },
    ".MuiToolbar-root": {"minHeight": "56px !important", "paddingLeft": "20px", "paddingRight": "12px"},
    ".sidebar": {
        "backgroundColor": "var(--ops-surface)",
        "backgroundImage": "none",
        "borderRight": "1px solid var(--ops-line)",
    },
    "main.main": {"backgroundColor": "var(--ops-page)"},
}


# A pmui.Paper that looks like .card of ui.css.
CARD = {
    "border": "1px solid var(--ops-line)",
    "borderRadius": "12px",
    "backgroundImage": "none",
    "padding": "13px 16px",
}


# A field or choice of Material UI as high as a button beside it.
FIELD = {"size": "small", "sx": {"& .MuiOutlinedInput-root, &.MuiOutlinedInput-root": {"height": "34px"}}}


# Bokeh lets a column shrink below its content where the window is low; its cards would then overlap.
WHOLE = ":host { flex: none !important; height: auto !important; min-height: max-content !important; }"

# A page out of sight keeps its layout, and is there again at once; a browser that cannot do that takes it away.
IN_SIGHT = {"content-visibility": "visible", "--display": "flex"}
OUT_OF_SIGHT = {"content-visibility": "hidden", "--display": "none"}
SIGHT = "@supports not (content-visibility: hidden) { :host { display: var(--display) !important; } }"

# The content of a page whose app has ended: dimmed, and nothing of it can be pressed; see contact.js.
AWAY = ":host { filter: var(--ops-away, none); pointer-events: var(--ops-hands, auto); }"


def asset(name: str) -> Path:
    """A file of `assets/`, beside the package in a checkout and inside it in a wheel."""
    package = Path(__file__).parent.parent
    inside = package / "assets" / name
    return inside if inside.exists() else package.parent / "assets" / name
