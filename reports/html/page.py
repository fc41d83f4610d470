"""The report as one HTML file.

Styles, script and data stand in the file. A content security policy lets run nothing but that script and load nothing
at all, so that neither a network nor a hostile name in the data can do anything. Names reach the page as JSON that
cannot end its element, and from there as text nodes only.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from importlib.resources import files

from reports.html.model import HtmlReport
from reports.html.payload import payload

_SCRIPTS = (
    "dom.js",
    "format.js",
    "leaderboard.js",
    "charts.js",
    "perturbations.js",
    "collapse.js",
    "runs.js",
    "main.js",
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{styles}</style>
</head>
<body>
<main id="report"><noscript>This report sorts and draws with JavaScript, which is switched off here.</noscript></main>
<script type="application/json" id="data">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def html_report(report: HtmlReport) -> str:
    """The whole page as text."""
    static = files("reports.html") / "static"
    styles = (static / "page.css").read_text(encoding="utf-8")
    parts = [(static / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    script = '(() => {\n"use strict";\n' + "\n".join(parts) + "})();\n"
    policy = (
        f"default-src 'none'; style-src {_digest(styles)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    return _PAGE.format(
        policy=policy,
        title=html.escape(report.title),
        styles=styles,
        data=embedded_json(payload(report)),
        script=script,
    )


def embedded_json(content: object) -> str:
    """JSON that may stand inside a script element: no character in it can begin or end a tag."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _digest(text: str) -> str:
    """The hash by which the policy knows an inline style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
