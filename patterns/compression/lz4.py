"""LZ4: little compression in very little time.

Good for: values of kilobytes on fast links.
Bad for: small values, which become larger; text, if size matters: zstd makes it a third smaller.
Source: lz4.org. Departures: the block format with a size prefix; the frame format has a header of 15 bytes.
"""

import lz4.block

from stampede.patterns.compression.compressor import Compressor, TooLarge


class Lz4(Compressor):
    summary = "LZ4 blocks with a size prefix"

    def compress(self, data: bytes) -> bytes:
        packed: bytes = lz4.block.compress(data)
        return packed

    def decompress(self, data: bytes) -> bytes:
        if int.from_bytes(data[:4], "little") > self.most_bytes:
            raise TooLarge(f"more than {self.most_bytes} bytes")
        whole: bytes = lz4.block.decompress(data)
        return whole
