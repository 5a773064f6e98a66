"""The app: themes, the session it shows, its screens. Thin: the main screen is in ``screen``, verbs in ``verbs``."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App
from textual.filter import LineFilter

from upgrade_tui.conductor.session import Session
from upgrade_tui.tui.theme import DARK, FALLBACKS, LIGHT, THEMES, AsciiOnly


class UpgradeApp(App[None]):
    """The dashboard of one window. ``session`` is what it knows and the only way it acts.

    ``theme``: "dark" or "light". ``ascii``: no glyph beyond ASCII. ``guide``: say what to press on the first screen.
    """

    ENABLE_COMMAND_PALETTE = True
    TITLE = "upgrade-tui"
    CSS_PATH = None
    BINDINGS = []  # noqa: RUF012

    def __init__(
        self,
        session: Session,
        *,
        ascii: bool = False,  # noqa: A002
        theme: str | None = None,
        guide: bool = False,
    ) -> None:
        super().__init__()
        self.session = session
        self.ascii, self.guide = ascii, guide
        self._ascii_filter = AsciiOnly()
        for each in THEMES:
            self.register_theme(each)
        self.theme = LIGHT.name if theme == "light" else DARK.name

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our tones, for themes that do not have them."""
        return FALLBACKS

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own filters, and the one that leaves only ASCII where that was asked for."""
        filters = super().get_line_filters()
        return [*filters, self._ascii_filter] if self.ascii else filters
