"""The tar stream as it grows, packed into frames: small members share one, large ones bring their own."""

from __future__ import annotations

import tarfile

from collector.bundle.frames import FRAME, FrameTable, compressor, filler
from collector.bundle.limits import MAX_RATIO, RATIO_ALLOWANCE
from collector.bundle.output import OutputFile
from collector.bundle.spool import Spool

_BLOCK = tarfile.BLOCKSIZE
_END = bytes(2 * _BLOCK)
_MODE = 0o600


def padding(size: int) -> int:
    """Returns the zeros that fill the last block of a member of this size."""
    return -size % _BLOCK


class TarStream:
    """Turns members into frames of one file. Not for several threads at once.

    Args:
        output: receives the frames.
        top: the one top directory of all members.
        mtime: seconds since 1970 that every member carries, so that equal content makes equal bytes.
    """

    def __init__(self, output: OutputFile, *, top: str, mtime: int) -> None:
        self.table = FrameTable()
        self._output = output
        self._top = top
        self._mtime = mtime
        self._compressor = compressor()
        self._pending = bytearray()

    @property
    def position(self) -> int:
        """Bytes of tar so far."""
        return self.table.content + len(self._pending)

    def add(self, path: str, content: Spool) -> int:
        """Appends a member and returns the offset of its content in the tar stream."""
        self._put(self._header(path, content.size))
        offset = self.position
        for frame, size in content.frames():
            self.flush()  # what is pending comes before it
            self._emit(frame, size)
        self._put(content.tail)
        self._put(bytes(padding(content.size)))
        return offset

    def pending(self, offset: int, size: int) -> bytes:
        """Returns that part of a range of the tar stream which is in no frame yet."""
        first = self.table.content
        return bytes(self._pending[max(offset - first, 0) : max(offset + size - first, 0)])

    def flush(self) -> None:
        """Ends the current frame, so that what comes next starts one."""
        if self._pending:
            self._emit(self._compressor.compress(self._pending), len(self._pending))
            self._pending.clear()

    def finish(self) -> None:
        """Writes the end of the archive and the seek table."""
        self._put(_END)
        self.flush()
        self._fill()
        self._output.write(self.table.pack())

    def _fill(self) -> None:
        """Keeps the file above the ratio at which a reader takes it for a bomb; repetitive logs reach it."""
        if self.table.content <= RATIO_ALLOWANCE:
            return
        least = -(-self.table.content // MAX_RATIO)
        missing = least - self.table.compressed - self.table.packed_size
        if missing > 0:
            self._emit(filler(missing), 0)

    def _put(self, data: bytes) -> None:
        """Appends at most a frame's worth of tar to what is pending."""
        if len(self._pending) + len(data) > FRAME:
            self.flush()
        self._pending += data

    def _emit(self, frame: bytes, content: int) -> None:
        self._output.write(frame)
        self.table.append(len(frame), content)

    def _header(self, path: str, size: int) -> bytes:
        info = tarfile.TarInfo(f"{self._top}/{path}")
        info.size, info.mode, info.mtime = size, _MODE, self._mtime
        if info.name.isascii():
            try:
                return info.tobuf(tarfile.USTAR_FORMAT)
            except ValueError:
                pass  # longer than ustar can say
        return info.tobuf(tarfile.PAX_FORMAT)
