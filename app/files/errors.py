"""Errors of stored files."""

from app.errors import AppError, PayloadTooLarge


class FileGone(AppError):
    """The file was deleted: it was kept long enough, or a person in it was erased."""

    status = 410
    code = "file_gone"
    title = "The file is kept no longer"


class FileTooLarge(PayloadTooLarge):
    code = "file_too_large"
    title = "The file is larger than the service takes"
