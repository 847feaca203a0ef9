"""Work that no request asks for."""
