"""zlib: DEFLATE, part of every standard library.

Good for: text of a few kilobytes, if size matters more than time and a dependency is not wanted.
Bad for: small values; time: several times slower than zstd for the same size.
Source: RFC 1950. Departures: level 6, the library's default.
"""

import zlib

from stampede.patterns.compression.compressor import Compressor, TooLarge


class Zlib(Compressor):
    summary = "DEFLATE at level 6, standard library"

    def compress(self, data: bytes) -> bytes:
        return zlib.compress(data)

    def decompress(self, data: bytes) -> bytes:
        stream = zlib.decompressobj()
        whole = stream.decompress(data, self.most_bytes)
        if stream.unconsumed_tail:
            raise TooLarge(f"more than {self.most_bytes} bytes")
        if not stream.eof:
            raise zlib.error("incomplete stream")
        return whole
