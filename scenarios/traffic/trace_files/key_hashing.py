"""A 64-bit hash of many keys at once: the same on every machine, and uniform, so that it can choose a sample of keys.

Each byte stands for a random number; a key's hash is the value of the polynomial with these coefficients at a fixed
odd point, modulo 2^64, then mixed. One running sum over all bytes gives the polynomials of all keys. It is no
protection against keys that are made to collide.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]

BITS = 2**64
POINT = 0x9E3779B97F4A7C15
POINT_INVERSE = pow(POINT, -1, BITS)
STEP, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""The constants of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
SMALLEST_TABLE = 1 << 16


def mixed(values: Hashes) -> Hashes:
    """SplitMix64's last step: each bit of the result depends on each bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(MIX_1)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(MIX_2)
    return np.asarray(values ^ (values >> np.uint64(31)))


COEFFICIENTS = mixed(np.arange(1, 257, dtype=np.uint64) * np.uint64(STEP))
"""A number for each value of a byte."""


@lru_cache(maxsize=2)
def powers(base: int, count: int) -> Hashes:
    """The powers 0 to count - 1 of the base, modulo 2^64."""
    factors = np.full(count, base, dtype=np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def hash_bytes(data: npt.NDArray[np.uint8], ends: npt.NDArray[np.int64]) -> Hashes:
    """The hash of each key. The keys lie in `data` one after another; key number i is data[ends[i]:ends[i + 1]]."""
    size = max(SMALLEST_TABLE, 1 << len(data).bit_length())
    sums = np.zeros(len(data) + 1, dtype=np.uint64)
    np.multiply(COEFFICIENTS[data], powers(POINT, size)[: len(data)], out=sums[1:])
    np.add.accumulate(sums, out=sums)
    begins, stops = ends[:-1], ends[1:]
    values = (sums[stops] - sums[begins]) * powers(POINT_INVERSE, size)[begins]
    return mixed(values + (stops - begins + 1).astype(np.uint64) * np.uint64(STEP))


def hash_keys(keys: pa.BinaryArray | pa.ChunkedArray) -> Hashes:
    """The hash of each element of an Arrow array of bytes without nulls."""
    array = keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    if not len(array):
        return np.empty(0, dtype=np.uint64)
    _, offsets, data = array.buffers()
    ends = np.frombuffer(offsets, dtype=np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    characters = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    return hash_bytes(characters[ends[0] : ends[-1]], ends - ends[0])


def hash_texts(keys: list[bytes]) -> Hashes:
    """The hash of each key of a list."""
    return hash_keys(pa.array(keys, type=pa.binary()))
