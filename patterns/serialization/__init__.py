"""Serializers: they convert records to bytes and back. One file per serializer."""
