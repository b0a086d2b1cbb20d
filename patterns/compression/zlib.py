"""zlib: DEFLATE, in every standard library.

Good for: text of some kilobytes, when bytes matter more than time and no dependency is wanted.
Bad for: small values, and time: several times as slow as zstd for the same size.
Source: RFC 1950. Departures: level 6, the library's default.
"""

import zlib

from stampede.patterns.compression.compressor import Compressor, TooLarge


class Zlib(Compressor):
    summary = "DEFLATE at level 6, standard library"

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes) -> bytes:
        unfolding = zlib.decompressobj()
        whole = unfolding.decompress(data, self.most_bytes)
        if unfolding.unconsumed_tail:
            raise TooLarge(f"more than {self.most_bytes} bytes")
        if not unfolding.eof:
            raise zlib.error("cut stream")
        return whole
