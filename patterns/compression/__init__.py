"""Compressors: bytes to fewer bytes and back, around any serializer. One file a compressor."""
