"""The socket that the service listens on."""

import socket

from app.errors import OperatorError


def listen(host: str, port: int) -> socket.socket:
    """Take the port before anything else starts.

    Raises:
        OperatorError: it is taken, or the host is no address of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as refused:
        reason = (refused.strerror or str(refused)).partition(" (while")[0]
        raise OperatorError(f"Cannot listen on {host} port {port}: {reason}. See FA_HOST and FA_PORT.") from None


def address_of(listener: socket.socket) -> str:
    """The address of a listening socket as the beginning of a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
