"""Network errors in the words of somebody who has to act on them. Pure."""

from __future__ import annotations

import errno
import re
import socket
import ssl

from upgrade_tui.foreign import one_line

DETAIL = 200  # characters of a detail line at most

_ERRNO = re.compile(r"\[Errno (\d+)\]")
_TLS = {
    "CERTIFICATE_VERIFY_FAILED": "the certificate is not trusted",
    "WRONG_VERSION_NUMBER": "the answer is not TLS",
    "UNSUPPORTED_PROTOCOL": "it offers only protocol versions that are no longer safe",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it refuses our protocol versions",
    "UNEXPECTED_EOF_WHILE_READING": "it hung up during the handshake",
    "NO_SHARED_CIPHER": "it shares no cipher with us",
}


def host_port(text: str) -> tuple[str, int]:
    """``"10.0.3.20:8080"`` or ``"[::1]:8080"`` in two parts. Raises ValueError that says what would be right."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f'expected "host:port" such as "10.0.3.20:8080" or "[::1]:8080", got "{one_line(text, 80)}"')
    return host, int(port)


def place_text(host: str, port: int) -> str:
    """Host and port as people write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def in_words(error: BaseException, place: str) -> str:
    """Why ``place`` could not be asked, on one line."""
    if isinstance(error, ssl.SSLError):
        return _tls(error, place)
    if isinstance(error, socket.gaierror):
        again = error.errno == socket.EAI_AGAIN
        return f"{place}: the name server does not answer" if again else f"{place}: name not found"
    if isinstance(error, TimeoutError):
        return f"no connection to {place} in time"
    if isinstance(error, OSError):
        return _system(error, place)
    return one_line(f"{place}: {type(error).__name__}: {error}", DETAIL)


def _tls(error: ssl.SSLError, place: str) -> str:
    reason = error.reason or ""
    words = _TLS.get(reason) or reason.replace("_", " ").lower() or str(error)
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_message:
        words = error.verify_message.rstrip(".")
    return one_line(f"TLS to {place}: {words}", DETAIL)


def _system(error: OSError, place: str) -> str:
    code = error.errno
    if code is None:  # asyncio folds the errors of several addresses into the text of one
        codes = {int(found) for found in _ERRNO.findall(str(error))}
        code = codes.pop() if len(codes) == 1 else None
    if code == errno.ECONNREFUSED:
        return f"refused by {place}"
    if code in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return f"{place} hung up"
    if code == errno.ETIMEDOUT:
        return f"no connection to {place} in time"
    if code in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return f"no route to {place}"
    return one_line(f"{place}: {error.strerror or error}", DETAIL)
