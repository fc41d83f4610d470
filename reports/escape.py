"""Unicode text as LaTeX that any engine sets with any font: pure ASCII, one token per character."""

from __future__ import annotations

import unicodedata

_ASCII = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "`": r"\char96{}",
}
_SYMBOLS = {
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "←": r"$\leftarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "≠": r"$\neq$",
    "≈": r"$\approx$",
    "∞": r"$\infty$",
    "∈": r"$\in$",
    "∩": r"$\cap$",
    "∪": r"$\cup$",
    "√": r"$\surd$",
    "°": r"$^{\circ}$",
    "²": "$^{2}$",
    "³": "$^{3}$",
    "½": r"$\frac{1}{2}$",
    "–": r"\textendash{}",
    "—": r"\textemdash{}",
    "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "…": r"\dots{}",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "ı": r"\i{}",
    "µ": r"$\mu$",
    "Γ": r"$\Gamma$",
    "Δ": r"$\Delta$",
    "Θ": r"$\Theta$",
    "Λ": r"$\Lambda$",
    "Σ": r"$\Sigma$",
    "Φ": r"$\Phi$",
    "Ψ": r"$\Psi$",
    "Ω": r"$\Omega$",
    "α": r"$\alpha$",
    "β": r"$\beta$",
    "γ": r"$\gamma$",
    "δ": r"$\delta$",
    "ε": r"$\varepsilon$",
    "ζ": r"$\zeta$",
    "η": r"$\eta$",
    "θ": r"$\theta$",
    "ι": r"$\iota$",
    "κ": r"$\kappa$",
    "λ": r"$\lambda$",
    "ν": r"$\nu$",
    "ξ": r"$\xi$",
    "π": r"$\pi$",
    "ρ": r"$\rho$",
    "σ": r"$\sigma$",
    "τ": r"$\tau$",
    "φ": r"$\varphi$",
    "χ": r"$\chi$",
    "ψ": r"$\psi$",
    "ω": r"$\omega$",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
}
# Pairs of these would be drawn together as a dash or as other quotation marks.
_LIGATURES = "-,'"


def escape_latex(text: str) -> str:
    """LaTeX that prints the text.

    White space becomes single spaces; a character without a translation is printed as its code point, ``[U+4E2D]``.
    """
    tokens = [_token(character) for character in " ".join(unicodedata.normalize("NFC", text).split())]
    return "".join(
        token + "{}" if token in _LIGATURES and token == following else token
        for token, following in zip(tokens, [*tokens[1:], ""], strict=False)
    )


def _token(character: str) -> str:
    known = _ASCII.get(character) or _SYMBOLS.get(character)
    if known:
        return known
    if character.isascii() and character.isprintable():
        return character
    # The Greek letter is the same character as the micro sign to a reader.
    if character == "μ":
        return _SYMBOLS["µ"]
    letter, accents = unicodedata.normalize("NFD", character)[:1], unicodedata.normalize("NFD", character)[1:]
    if letter.isascii() and letter.isalpha() and len(accents) == 1 and accents in _ACCENTS:
        # Without braces around the command, \c{c} would end a kern with the letter before it.
        return "{\\" + _ACCENTS[accents] + "{" + ({"i": r"\i", "j": r"\j"}.get(letter, letter)) + "}}"
    return f"[U+{ord(character):04X}]"
