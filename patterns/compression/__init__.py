"""Compressors: bytes to fewer bytes and back, combined with any serializer. One file per compressor."""
