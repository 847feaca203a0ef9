"""The socket that the service listens on."""

import resource
import socket

from app.errors import OperatorError

#: Files that are no client connections: the database's, the log, the libraries.
_OTHER_FILES = 256
_WAITING_TO_BE_SENT = 131_072
#: How many connections wait for the service to accept them.
BACKLOG = 2_048
SERVICE_SETTINGS = "FA_HOST and FA_PORT"
OPERATIONS_SETTINGS = "FA_METRICS_HOST and FA_METRICS_PORT"


def bind(host: str, port: int, *, settings: str = SERVICE_SETTINGS) -> socket.socket:
    """Take the port without listening yet, so that nobody connects before the service is ready.

    Args:
        settings: names the settings that an operator can change if the port cannot be had.

    Raises:
        OperatorError: it is taken, or the host is no address of this machine.
    """
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(family, kind)
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            # Connections inherit this. The system then queues little for a client that reads slowly. Its progress shows
            # soon, and the rest stays in our own buffer, which is bounded.
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _WAITING_TO_BE_SENT)
            made.bind(address)
        except OSError:
            made.close()
            raise
    except OSError as refused:
        raise cannot_listen(host, port, refused, settings=settings) from None
    return made


def listen(listener: socket.socket, *, settings: str = SERVICE_SETTINGS) -> None:
    """Listen on a socket that is bound.

    Args:
        settings: names the settings that an operator can change if the port cannot be had.

    Raises:
        OperatorError: another process listens on the port.
    """
    try:
        listener.listen(BACKLOG)
    except OSError as refused:
        host, port, *_ = listener.getsockname()
        raise cannot_listen(host, port, refused, settings=settings) from None


def cannot_listen(host: str, port: int, refused: OSError, *, settings: str = SERVICE_SETTINGS) -> OperatorError:
    """Make the error for a port that cannot be had."""
    reason = (refused.strerror or str(refused)).partition(" (while")[0]
    return OperatorError(f"Cannot listen on {host} port {port}: {reason}. See {settings}.")


def address_of(listener: socket.socket) -> str:
    """Return the address of a listening socket as the beginning of a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_connections(wanted: int) -> int:
    """Raise this process's limit of open files for a number of connections. Return the number it allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    allowed = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(allowed - _OTHER_FILES, 1)
