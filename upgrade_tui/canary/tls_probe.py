"""The tls probe: days until the certificate that a server shows expires, and whether it can be trusted."""

from __future__ import annotations

import functools
import ssl
from datetime import UTC, datetime

from upgrade_tui.canary.error_text import in_words, place_text
from upgrade_tui.canary.name_lookup import Names
from upgrade_tui.canary.result import ProbeResult
from upgrade_tui.canary.tcp_probe import DialProbe, connected
from upgrade_tui.plan.model import Canary

DAY = 86400.0


@functools.cache
def tls_context(verify: bool) -> ssl.SSLContext:
    """Made once: loading the trusted authorities takes tens of milliseconds."""
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def load_authorities() -> None:
    """Make the contexts that verify and that do not, before they are needed."""
    for verify in (True, False):
        tls_context(verify)


class TlsProbe(DialProbe):
    """Shakes hands with ``tls``. The value is the days left, negative past the end.

    A certificate that does not verify is a failure, unless ``verify = false``; its days are still told, from a second
    handshake that trusts anything.
    """

    LIBRARIES = (*DialProbe.LIBRARIES, "cryptography.x509")

    def load(self) -> None:
        super().load()
        load_authorities()

    async def dialled(self, canary: Canary, host: str, port: int) -> ProbeResult:
        place, distrust, names = place_text(host, port), "", self.means.names
        try:
            try:
                certificate = await _certificate(names, host, port, verify=canary.verify)
            except ssl.SSLCertVerificationError as error:
                distrust = in_words(error, place)
                certificate = await _certificate(names, host, port, verify=False)
        except OSError as error:
            return ProbeResult(ok=False, latency=None, value=None, detail=distrust or in_words(error, place))
        return _weighed(canary, certificate, self.means.wall(), distrust)


PROBE = TlsProbe


async def _certificate(names: Names, host: str, port: int, *, verify: bool) -> bytes:
    """The server's own certificate, DER."""
    async with connected(names, host, port, tls_context(verify)) as writer:
        secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
        return secured.getpeercert(binary_form=True) or b""


def _weighed(canary: Canary, der: bytes, now: float, distrust: str) -> ProbeResult:
    from cryptography import x509  # 30 ms, and only these probes need it

    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        return ProbeResult(ok=False, latency=None, value=None, detail="the certificate cannot be read")
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    left = round((ends.timestamp() - now) / DAY, 2)
    at_least = canary.expect.days or 0
    said = f"certificate ends in {left:.0f} d ({ends:%Y-%m-%d})"
    if left <= 0:
        said = f"certificate expired on {ends:%Y-%m-%d}"
    good = False
    if distrust:
        said = f"{distrust}; {said}"
    elif begins > datetime.fromtimestamp(now, UTC):
        said = f"certificate is not valid before {begins:%Y-%m-%d %H:%M} UTC"
    elif left <= 0 or left < at_least:
        said += f", wanted at least {at_least} d" if at_least else ""
    else:
        good = True
    return ProbeResult(ok=good, latency=None, value=left, detail=said)
