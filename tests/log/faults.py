"""Make the k-th call of a function of ``os`` fail, as a filesystem does."""

import errno
import os
import stat

ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.ESTALE, errno.EINTR]
CALLS = ["open", "write", "fsync", "close", "replace", "mkdir"]


class Fault:
    """Counts the calls of one function and fails the k-th, and ``lasting`` ones after it.

    What a failed call does all the same: ``close`` closes, a torn ``write`` writes half, and a failed
    ``fsync`` drops what was not synced before, as Linux filesystems do (Rebello et al., ATC'20).
    """

    def __init__(self, name, k, number, *, torn=False, lasting=0) -> None:
        self.name, self.k, self.number, self.torn, self.lasting = name, k, number, torn, lasting
        self.real = getattr(os, name)
        self.calls = 0
        self.synced = {}

    def install(self, monkeypatch):
        monkeypatch.setattr(os, self.name, self)
        return self

    @property
    def happened(self):
        return self.calls > self.k

    def __call__(self, *arguments, **options) -> object:
        call, self.calls = self.calls, self.calls + 1
        if not self.k <= call <= self.k + self.lasting:
            result = self.real(*arguments, **options)
            self.note(*arguments)
            return result
        self.drop(*arguments)
        if self.name == "close":
            self.real(*arguments)  # the descriptor is gone even when close reports an error
        if self.torn:
            descriptor, data = arguments
            return self.real(descriptor, bytes(data)[: len(data) // 2])
        raise OSError(self.number, os.strerror(self.number))

    def note(self, descriptor, *_others):
        if self.name == "fsync":
            facts = os.fstat(descriptor)
            self.synced[facts.st_ino] = facts.st_size

    def drop(self, descriptor, *_others):
        if self.name == "fsync" and stat.S_ISREG((facts := os.fstat(descriptor)).st_mode):
            os.truncate(f"/proc/self/fd/{descriptor}", self.synced.get(facts.st_ino, 0))
