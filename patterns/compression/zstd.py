"""Zstandard: as small as zlib and several times faster.

Good for: values of about one kilobyte or more.
Bad for: rows of a few hundred bytes, which contain no repetition; see zstd_dictionary.py.
Source: RFC 8878. Departures: level 3, the library's default. Threads must not share an instance: each needs its own.
"""

import zstandard

from stampede.patterns.compression.compressor import MOST_BYTES, Compressor, TooLarge


class Zstd(Compressor):
    summary = "Zstandard at level 3"

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        super().__init__(most_bytes)
        self.compressor = zstandard.ZstdCompressor(level=3)
        self.decompressor = zstandard.ZstdDecompressor()

    def compress(self, data: bytes) -> bytes:
        return self.compressor.compress(data)

    def decompress(self, data: bytes) -> bytes:
        size = zstandard.frame_content_size(data)
        if not 0 <= size <= self.most_bytes:
            raise TooLarge(f"more than {self.most_bytes} bytes, or the size is unknown")
        return self.decompressor.decompress(data)
